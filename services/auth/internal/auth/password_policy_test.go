package auth

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

func newTestPolicy(tb testing.TB, breachedFile string) *PasswordPolicy {
	tb.Helper()
	p, err := NewPasswordPolicy(breachedFile)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	p := newTestPolicy(t, "")
	context := []string{"jane.doerksen@brightwater.example", "Jane Doerksen-Müller"}
	for code, passwords := range map[string][]string{
		"": {
			// Long ones, of whatever characters.
			"correct horse battery staple", "correcthorsebatterystaple", "purple lantern gravel", "vexing otter quilt",
			"mein hund frisst gern kuchen", "пурпурный фонарь у реки", "紫色の灯篭と川辺の砂利道です", "זה משפט סיסמה ארוך",
			"xkzvqjwpmtbr", "928374650192", "🦀🐙🦑🐋🐬🦭🐟🐠🐡🦈🦞🦐",
			"jane likes vexing otters", strings.Repeat("å∫ç∂´ƒ©˙", 128),
			// Short ones that are hard to guess.
			"x7$Kq!2z", "kL9#mPq2vX", "qzvkxwpf", "Tq8&wzR!",
		},
		"weak_password": {
			"a", "short", "x7$Kq!2", "4871936", "💀💀💀",
			"gravels9", "Gravels-12", "b0ul3v4rd1", "horsebat", "jumpingly", "19870412", "12.04.1987", "20391847561", "ylgnipmuj",
			"aaaaaaaaaaaa", strings.Repeat("!", 1024), strings.Repeat("ab", 100), "abcabcabcabcabc", "xK9xK9xK9xK9",
			"abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponm", "123456789012345678901", "AbCdEfGhIjKlMn", "acegikmoqsuwy", "абвгдежзиклмн",
			"qwertyuiopasdf", "йцукенгшщзхъ", "lkjhgfdsapoiuy",
			"passwordPASSWORDpassword", "administrative", "monkeydragonx", "drowssapdrowssap",
			"jane.doerksen@brightwater.example", "janedoerksen1987", "Doerksen-Müller!", "J4n3D03rks3n!!", "brightwater12", "JobPilot2024!", "jobpilotjobpilot",
		},
		"common_password": {
			"password", "PASSWORD", "12345678", "Password123!", "p4ssw0rd", "$unshine99", "P@ssw0rd2024", "iloveyou", "1qaz2wsx", "qwertyuiop",
			"!!football!!", "b4sk3tb4ll", "trustno1", "Michael1!", "   princess   ", "!QAZ@WSX", "!QAZ@WSX#EDC", "passwordpassword", "international",
		},
		"unusable_password": {
			"", "tab\tin this password", "line\nbreak in this one", "nul\x00 in the middle of", "\u200binvisible at the start", "family 👨‍👩‍👧 joined by", "not \xff\xfe UTF-8 at all",
			"\ue000 private use is fine, \U000e0001 tags are not", strings.Repeat("x1", 513), strings.Repeat("\u0301", 9000), "unassigned \u0378 here",
		},
	} {
		for _, password := range passwords {
			err := p.Check("#/newPassword", password, context...)
			var e *errs.Error
			switch {
			case code == "" && err != nil:
				t.Errorf("Check(%q) = %v, want nil", password, err)
			case code == "":
			case !errors.As(err, &e):
				t.Errorf("Check(%q) = %v, want %s", password, err, code)
			case e.Code != code || e.Kind != errs.Unprocessable || !slices.Equal(e.Fields, []errs.Field{{Pointer: "#/newPassword", Code: code, Message: e.Message}}):
				t.Errorf("Check(%q) = %+v, want %s", password, e, code)
			}
		}
	}
}

// Whose words they are decides: another person's name is one like any other.
func TestPasswordPolicyContext(t *testing.T) {
	t.Parallel()
	p := newTestPolicy(t, "")
	const password = "Velthuizen-Okonkwo"
	if err := p.Check("#/password", password, "kim@example.org"); err != nil {
		t.Errorf("without the name: %v", err)
	}
	for _, context := range [][]string{{"velthuizen.okonkwo@example.org"}, {"", "Velthuizen Okonkwo"}, {"a@b", "VELTHUIZEN", "okonkwo"}} {
		var e *errs.Error
		if err := p.Check("#/password", password, context...); !errors.As(err, &e) || e.Message != errPasswordPersonal.Message {
			t.Errorf("with %q: %v", context, err)
		}
	}
}

func TestPasswordPolicyNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"cafe\u0301 au lait":            "café au lait",
		"wide\u3000no-break\u00a0":      "wide no-break ",
		"Case Is Kept ":                 "Case Is Kept ",
		"ﬁ stays a ligature":            "ﬁ stays a ligature",
		strings.Repeat("가", 1024):       strings.Repeat("가", 1024), // each of these is one character
		strings.Repeat("e\u0301", 1024): strings.Repeat("é", 1024),
	} {
		if got, err := NormalizePassword(in); got != want || err != nil {
			t.Errorf("NormalizePassword(%.40q) = %.40q, %v; want %.40q", in, got, err, want)
		}
	}
	for _, in := range []string{"", strings.Repeat("x", 1025), strings.Repeat("界", 6000), "\xc3\x28", "\u202e"} {
		if got, err := NormalizePassword(in); got != "" || !errs.Is(err, "unusable_password") {
			t.Errorf("NormalizePassword(%.40q) = %.40q, %v", in, got, err)
		}
	}
}

// The table is that of tools/data: sorted, hashed as here, with places by rank.
func TestPasswordPolicyTable(t *testing.T) {
	t.Parallel()
	if len(wordTable)%8 != 0 || len(wordTable) < 90_000*8 || len(wordTable) > 1<<20 {
		t.Fatalf("the table has %d bytes", len(wordTable))
	}
	for i := 8; i < len(wordTable); i += 8 {
		if string(wordTable[i-8:i]) >= string(wordTable[i:i+8]) {
			t.Fatalf("entry %d is not sorted", i/8)
		}
	}
	for word, want := range map[string]struct {
		log10      float64
		common, ok bool
	}{
		"123456": {0, true, true}, "password": {0.31, true, true}, "the": {0, false, true}, "lantern": {4.3, true, true}, "boulevard": {5, false, true},
		"xkzvqj": {}, "": {}, "Password": {},
	} {
		h := noWord
		for _, r := range word {
			h = h.add(r)
		}
		log10, common, ok := h.lookup()
		if common != want.common && word != "the" || ok != want.ok || log10 > want.log10 {
			t.Errorf("%q: %v, %v, %v", word, log10, common, ok)
		}
	}
}

// More of the same kind is never easier to guess.
func TestPasswordPolicyGuessesOrder(t *testing.T) {
	t.Parallel()
	for _, ordered := range [][]string{
		{"aaa", "aaaaaaaaaaaa", "lantern", "Lantern", "lanTern", "laNtErN"},
		{"password", "p4ssword", "p4ssw0rd", "drowssap1x", "xkzvqjwp"},
		{"lantern", "lantern lantern", "lantern gravel", "lantern gravel otter"},
		{"12345678", "19283746", "x9283746", "xK283746", "xK2$3746"},
	} {
		last := -1.0
		for _, password := range ordered {
			guesses, _ := passwordGuesses([]rune(password), nil)
			if guesses < last {
				t.Errorf("%q: 10^%.2f guesses, fewer than the one before it in %q", password, guesses, ordered)
			}
			last = guesses
		}
	}
}

func writeBreached(tb testing.TB, lineEnd string, passwords ...string) string {
	tb.Helper()
	var lines []string
	for i, p := range passwords {
		lines = append(lines, fmt.Sprintf("%X:%d", sha1.Sum([]byte(p)), i*i*1000+1))
	}
	slices.Sort(lines)
	return writeFile(tb, strings.Join(lines, lineEnd))
}

func writeFile(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "breached.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestPasswordPolicyBreachedFile(t *testing.T) {
	t.Parallel()
	var breached []string
	for i := range 3000 {
		breached = append(breached, fmt.Sprintf("purple lantern %d gravel", i))
	}
	breached = append(breached, "vexing otter quilt", "Vexing Otter Kiln", "été à la plage")
	for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeBreached(t, end, breached...)
			p := newTestPolicy(t, path)
			for _, password := range slices.Concat(breached, []string{"VEXING otter quilt", "vexing otter quilt 99!", "v3xing 0tter quilt", "e\u0301te\u0301 à la plage"}) {
				if err := p.Check("#/password", password); !errs.Is(err, "breached_password") {
					t.Errorf("Check(%q) = %v", password, err)
				}
			}
			for i := range 3000 {
				if err := p.Check("#/password", fmt.Sprintf("gravel %d lantern purple", i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.breached.Close(); err != nil {
				t.Fatal(err)
			}
			if err := p.Check("#/password", "vexing otter quilt"); err == nil || errs.KindOf(err) != errs.Internal {
				t.Errorf("a file that cannot be read: %v", err)
			}
			p.breached = nil
		})
	}
}

// One line, with and without an end, is the smallest file there is.
func TestPasswordPolicyBreachedFileOfOneLine(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"", "\n", "\r\n"} {
		p := newTestPolicy(t, writeFile(t, strings.ToLower(fmt.Sprintf("%x:7", sha1.Sum([]byte("vexing otter quilt"))))+end))
		if err := p.Check("#/password", "vexing otter quilt"); !errs.Is(err, "breached_password") {
			t.Errorf("end %q: %v", end, err)
		}
		if err := p.Check("#/password", "vexing otter kiln"); err != nil {
			t.Errorf("end %q: %v", end, err)
		}
	}
}

func TestPasswordPolicyBreachedFileRefused(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0123456789ABCDEF", 3)[:40]
	for name, c := range map[string]struct{ path, want string }{
		"missing":        {filepath.Join(t.TempDir(), "none"), "no such file"},
		"a folder":       {t.TempDir(), "empty or not a file"},
		"empty":          {writeFile(t, ""), "empty or not a file"},
		"plain list":     {writeFile(t, "password\n123456\n"), "not a SHA-1 hash"},
		"NTLM":           {writeFile(t, hash[:32]+":5\n"), "not a SHA-1 hash"},
		"by count":       {writeFile(t, strings.Repeat("F"+hash[1:]+":900\n", 100)+strings.Repeat(hash+":5\n", 100)), "not ordered by hash"},
		"one long line":  {writeFile(t, strings.Repeat("A", 1<<16)), "does not end"},
		"long line last": {writeFile(t, hash+":5\n"+strings.Repeat("F", 1<<16)), "line"},
		"binary":         {writeFile(t, strings.Repeat("\x00\xff\n", 4000)), "not a SHA-1 hash"},
	} {
		_, err := NewPasswordPolicy(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "breached passwords:") {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}

func FuzzPasswordPolicy(f *testing.F) {
	for _, s := range []string{"", "password", "e\u0301", "\xff", "4@8({[</369&#!1/|0$5+7%2/", "İıſK", strings.Repeat("ab", 99), "קָֹ \u3000 ﷺ", "qwerty\U0010ffff"} {
		f.Add(s, "jane@example.org")
	}
	p := newTestPolicy(f, writeBreached(f, "\r\n", "password", "x7$Kq!2z", "correct horse"))
	f.Fuzz(func(t *testing.T, password, context string) {
		normal, err := NormalizePassword(password)
		if err != nil {
			if !errs.Is(err, "unusable_password") || normal != "" {
				t.Fatalf("NormalizePassword = %q, %v", normal, err)
			}
		} else if again, err := NormalizePassword(normal); again != normal || err != nil || !utf8.ValidString(normal) {
			t.Fatalf("normalised twice: %q, %q, %v", normal, again, err)
		}
		checked := p.Check("#/password", password, context)
		if checked != nil && errs.KindOf(checked) != errs.Unprocessable {
			t.Fatal(checked)
		}
		if err == nil {
			if again := p.Check("#/password", normal, context); fmt.Sprint(again) != fmt.Sprint(checked) {
				t.Fatalf("as typed: %v; normalised: %v", checked, again)
			}
		}
		guesses, _ := passwordGuesses([]rune(password), contextWords([]string{context}))
		if guesses < 0 || guesses > 2*guessesLength {
			t.Fatalf("10^%v guesses", guesses)
		}
	})
}

func BenchmarkPasswordPolicy(b *testing.B) {
	var breached []string
	for i := range 100_000 {
		breached = append(breached, fmt.Sprint("breached ", i))
	}
	p := newTestPolicy(b, writeBreached(b, "\r\n", breached...))
	for name, password := range map[string]string{
		"random":     "kL9#mPq2vX",
		"passphrase": "correct horse battery staple",
		"leet":       strings.Repeat("4@8({[</369&#!1/|0$5+7%2/", 40),
		"repeated":   strings.Repeat("a", 1024),
		"long":       strings.Repeat("å∫ç∂´ƒ©˙", 128),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Check("#/password", password, "jane.doerksen@brightwater.example", "Jane Doerksen")
			}
		})
	}
}
