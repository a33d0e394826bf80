// A certified OpenID provider that no one here wrote, with people who sign in by a form. For tests only.
//
// PORTAL: public address of the portal. Prints "listening on ISSUER".
// PUT /_roles/{person} with a JSON array changes a person's roles.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';

const portal = process.env.PORTAL.replace(/\/$/, '');
const role = (name) => `ProvisioningAPI.${name}User`;
const people = {
  reader: [role('Read')],
  writer: [role('Read'), role('Write')],
  deleter: [role('Read'), role('Delete')],
  admin: [role('Admin')],
  writeonly: [role('Write')],
  nobody: [],
};

let handle = (request, response) => response.writeHead(503).end();
const server = createServer((request, response) => handle(request, response));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'nmp-portal',
    client_secret: 'a secret for the tests',
    redirect_uris: [`${portal}/auth/callback`],
    post_logout_redirect_uris: [`${portal}/signed-out`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  jwks: { keys: [{ ...signing, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: ['sub', 'roles'], profile: ['name'] },
  // The roles stand in the ID token itself.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the provider`, roles: people[id] ?? [] }),
  }),
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile offline_access');
    await grant.save();
    return grant;
  },
});
const standard = provider.callback();

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return text;
}

async function interaction(request, response) {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end('<!doctype html><title>Sign in</title><form method="post"><input name="login"><button>Sign in</button></form>');
    return;
  }
  const login = new URLSearchParams(await body(request)).get('login');
  if (!(login in people)) {
    response.writeHead(422).end('There is no such person.');
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: login } }, { mergeWithLastSubmission: false });
}

handle = async (request, response) => {
  try {
    if (request.url.startsWith('/interaction/')) await interaction(request, response);
    else if (request.method === 'PUT' && request.url.startsWith('/_roles/')) {
      people[request.url.slice('/_roles/'.length)] = JSON.parse(await body(request));
      response.writeHead(204).end();
    } else standard(request, response);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
};
console.log(`listening on ${issuer}`);
