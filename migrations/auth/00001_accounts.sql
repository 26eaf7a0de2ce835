-- +goose Up

-- Accounts. E-mail and display name are sealed (AES-256-GCM); email_hash, a keyed hash of the normalised
-- address, is what an account is found by.
CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    email_sealed        bytea NOT NULL,
    email_hash          bytea NOT NULL CONSTRAINT users_email UNIQUE,
    display_name_sealed bytea,
    locale              text NOT NULL,
    password_hash       text,                     -- NULL: signs in by passkey or provider only
    roles               text[] NOT NULL DEFAULT '{user}'
        CHECK (roles <@ '{user,premium,admin,super_admin}' AND cardinality(roles) > 0),
    email_verified_at   timestamptz,
    disabled_at         timestamptz,
    disabled_reason     text,
    tokens_not_before   timestamptz,              -- access tokens issued before are refused
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_newest ON users (created_at DESC, id DESC);
CREATE INDEX users_special_roles ON users USING gin (roles) WHERE roles <> '{user}';
CREATE INDEX users_disabled ON users (created_at DESC, id DESC) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_unverified ON users (created_at DESC, id DESC) WHERE email_verified_at IS NULL;

-- One row for each sign-in; the family of its refresh tokens.
CREATE TABLE sessions (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    method        text NOT NULL CHECK (method IN ('password', 'passkey', 'google', 'linkedin', 'github')),
    device_name   text NOT NULL DEFAULT '',
    user_agent    text NOT NULL DEFAULT '',
    ip_sealed     bytea,
    network       bytea NOT NULL,                 -- keyed hash of the address's /24 or /64
    country       text NOT NULL DEFAULT '',
    auth_time     timestamptz NOT NULL,           -- when the user last proved who they are
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    revoke_reason text
) WITH (fillfactor = 80);                         -- room for the last_used_at of every refresh to stay a HOT update
CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_age ON sessions USING brin (created_at);

-- Refresh tokens by SHA-256; used_at marks the spent ones, which are kept to notice their reuse.
CREATE TABLE tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
) WITH (fillfactor = 80);
CREATE INDEX tokens_of_session ON tokens (session_id);

-- Tokens that work once: mail links, second-factor challenges, codes of provider sign-ins.
CREATE TABLE one_time_tokens (
    hash        bytea PRIMARY KEY,
    purpose     text NOT NULL,
    user_id     uuid REFERENCES users ON DELETE CASCADE,
    data_sealed bytea,
    attempts    integer NOT NULL DEFAULT 0,       -- wrong codes given to a challenge
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX one_time_tokens_of_user ON one_time_tokens (user_id, purpose, created_at);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

-- Failed sign-ins: how long the next attempt has to wait. scope: account (all networks together), pair (one
-- account from one network), network.
CREATE TABLE login_delays (
    scope         text NOT NULL CHECK (scope IN ('account', 'pair', 'network')),
    key           bytea NOT NULL,
    failures      integer NOT NULL,
    failed_at     timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX login_delays_age ON login_delays (failed_at);

-- Which accounts a network failed on lately: many of them are a spraying attack.
CREATE TABLE login_sprays (
    network bytea NOT NULL,
    account bytea NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (network, account)
);
CREATE INDEX login_sprays_age ON login_sprays (at);

-- Revocations that live access tokens make necessary, of a session, an API key or everything that a user was given
-- before a time. Copied to Redis, where every service looks; kept a little longer than an access token lives.
CREATE TABLE revocations (
    kind       text NOT NULL CHECK (kind IN ('session', 'key', 'user')),
    id         uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX revocations_age ON revocations (revoked_at);

-- Keys that sign access tokens; the private part is sealed.
CREATE TABLE signing_keys (
    kid            text PRIMARY KEY,
    private_sealed bytea NOT NULL,
    public_jwk     jsonb NOT NULL,
    created_at     timestamptz NOT NULL,
    signs_from     timestamptz NOT NULL,          -- published before, so that verifiers know it
    retires_at     timestamptz                    -- no longer published after
);

CREATE TABLE mfa_totp (
    user_id       uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret_sealed bytea NOT NULL,
    confirmed_at  timestamptz,
    last_step     bigint NOT NULL DEFAULT 0       -- time step of the last accepted code: each works once
);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash    bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE passkeys (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id bytea NOT NULL CONSTRAINT passkeys_credential UNIQUE,
    credential    jsonb NOT NULL,                 -- public key, sign counter, flags, transports
    name          text NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz
);
CREATE INDEX passkeys_of_user ON passkeys (user_id, created_at);

-- WebAuthn ceremonies under way: the challenge given out, consumed by the answer.
CREATE TABLE ceremonies (
    id         uuid PRIMARY KEY,
    user_id    uuid REFERENCES users ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('registration', 'login')),
    data       jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ceremonies_expiry ON ceremonies (expires_at);

CREATE TABLE oauth_providers (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    provider     text NOT NULL CHECK (provider IN ('google', 'linkedin', 'github')),
    subject      text NOT NULL,
    email_sealed bytea,
    linked_at    timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT oauth_providers_subject UNIQUE (provider, subject),
    CONSTRAINT oauth_providers_user UNIQUE (user_id, provider)
);

-- Provider sign-ins under way, by SHA-256 of their state.
CREATE TABLE oauth_flows (
    state_hash     bytea PRIMARY KEY,
    provider       text NOT NULL,
    user_id        uuid REFERENCES users ON DELETE CASCADE,  -- set: links to this account
    code_challenge text NOT NULL,
    redirect_uri   text NOT NULL,
    secrets_sealed bytea NOT NULL,                -- nonce and our own PKCE verifier
    expires_at     timestamptz NOT NULL
);
CREATE INDEX oauth_flows_expiry ON oauth_flows (expires_at);
CREATE INDEX oauth_flows_of_user ON oauth_flows (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    prefix       text NOT NULL,
    hash         bytea NOT NULL CONSTRAINT api_keys_hash UNIQUE,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at DESC);

CREATE TABLE service_keys (
    id         uuid PRIMARY KEY,
    service    text NOT NULL,
    hash       bytea NOT NULL CONSTRAINT service_keys_hash UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz                        -- NULL: until the next rotation
);
CREATE INDEX service_keys_of_service ON service_keys (service, created_at DESC);

-- +goose Down
DROP TABLE service_keys, api_keys, oauth_flows, oauth_providers, ceremonies, passkeys, recovery_codes, mfa_totp,
    signing_keys, revocations, login_sprays, login_delays, one_time_tokens, tokens, sessions, users;
