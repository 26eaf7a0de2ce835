package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// certificateLife is the longest life that browsers accept for a certificate
// of a private authority.
const certificateLife = 825 * 24 * time.Hour

// ensureCertificate makes the local certificate authority and the gateway's
// certificate, once, and again a month before the latter ends.
func (l *layout) ensureCertificate(now time.Time) error {
	if b, err := os.ReadFile(l.path("tls", "gateway.pem")); err == nil && validFor(b, now, 30*24*time.Hour) {
		return nil
	}
	if _, err := l.mkdir(0o755, "tls"); err != nil {
		return err
	}
	ca, cert, key, err := makeCertificate(now)
	if err != nil {
		return fmt.Errorf("cannot make the gateway's certificate: %w", err)
	}
	for _, f := range []struct {
		name string
		perm os.FileMode
		data []byte
	}{{"ca.pem", 0o644, ca}, {"gateway.key", 0o600, key}, {"gateway.pem", 0o644, cert}} {
		if _, err := l.write(f.perm, f.data, "tls", f.name); err != nil {
			return err
		}
	}
	return nil
}

// validFor reports whether the first certificate in a PEM text is valid from
// now and for at least left.
func validFor(pemText []byte, now time.Time, left time.Duration) bool {
	block, _ := pem.Decode(pemText)
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && now.After(cert.NotBefore) && now.Add(left).Before(cert.NotAfter)
}

// makeCertificate makes an authority, whose key is thrown away at once so that
// it can never sign for another name, and a certificate for this machine.
func makeCertificate(now time.Time) (ca, cert, key []byte, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	authority := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "JobPilot local development authority"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(certificateLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, leafKey.Public(), caKey)
	if err != nil {
		return nil, nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return nil, nil, nil, err
	}
	return encodePEM("CERTIFICATE", caDER), encodePEM("CERTIFICATE", leafDER), encodePEM("PRIVATE KEY", keyDER), nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[0] &= 0x7f // positive in DER
	return new(big.Int).SetBytes(b)
}

func encodePEM(kind string, der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: der})
	return b.Bytes()
}
