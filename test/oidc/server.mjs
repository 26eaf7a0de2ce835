// An OpenID provider for the tests of sign-in with a provider: oidc-provider, which is certified by the OpenID
// Foundation, with its development pages for login and consent.
//
// Standard input is one line of JSON: {"clients": [client metadata], "accounts": {"<sub>": {claims}}}. Whoever types
// an account's sub as login is signed in as that account; the password is not looked at. The issuer, on a free port
// of loopback, is printed once it answers. The server ends with its standard input.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => serve(JSON.parse(line)));
lines.once('close', () => process.exit(0));

function serve({ clients, accounts }) {
  const server = createServer();
  server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const provider = new Provider(issuer, {
      clients,
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'locale'] },
      cookies: { keys: [randomBytes(32).toString('hex')] },
      features: { devInteractions: { enabled: true } },
      findAccount: (_, sub) => accounts[sub] && { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) },
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] },
      pkce: { methods: ['S256'], required: (_, client) => client.clientId !== 'linkedin' },
    });
    server.on('request', provider.callback());
    console.log(issuer);
  });
}
