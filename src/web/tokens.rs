//! JSON web tokens: ours, and those of an identity provider. `iss` tells them apart; each has its own
//! pinned algorithm and key, so neither can pass for the other. Times are judged by our clock.

use crate::config::{JwtSettings, OUR_ISSUER, ProviderKey};
use crate::model::account::{DashboardSession, KeyHash, Role};
use crate::model::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How far the provider's clock may be ahead of ours when it says from when a token is good.
const NOT_BEFORE_LEEWAY_SECONDS: u64 = 30;

type Claims = Map<String, Value>;

pub struct Tokens {
    encoding: EncodingKey,
    ours: Verifier,
    provider: Option<Provider>,
}

/// Whom a good token speaks for.
pub enum Bearer {
    /// It stands for a dashboard session, which may be over.
    Session(KeyHash),
    /// A user of this email.
    Person {
        email: String,
        /// By slug or id, when the provider tells it.
        organization: Option<String>,
        /// It may be less than the user's own, never more.
        role: Option<Role>,
    },
}

struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

struct Provider {
    issuer: String,
    verifier: Verifier,
    user_claim: String,
    organization_claim: Option<String>,
    role_claim: Option<String>,
}

impl Tokens {
    /// The error is a sentence for the operator.
    pub fn new(secret: &str, provider: Option<&JwtSettings>) -> Result<Tokens, String> {
        let key = DecodingKey::from_secret(secret.as_bytes());
        Ok(Tokens {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            ours: Verifier::new(key, Algorithm::HS256, OUR_ISSUER, None),
            provider: provider.map(Provider::new).transpose()?,
        })
    }

    /// A token that is good while the session is.
    pub fn for_session(&self, session: &DashboardSession, now: Timestamp) -> String {
        let claims = json!({
            "iss": OUR_ISSUER, "sub": session.user_id, "sid": URL_SAFE_NO_PAD.encode(session.hash.0),
            "iat": now.unix_seconds(), "exp": session.ends_at.unix_seconds(),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .expect("claims are JSON and HMAC takes any key")
    }

    /// The session that a token of ours says it stands for, before anybody has looked at its signature.
    pub fn claimed_session(token: &str) -> Option<KeyHash> {
        #[derive(Deserialize)]
        struct Claimed {
            sid: String,
        }
        let Claimed { sid } = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        Some(KeyHash(URL_SAFE_NO_PAD.decode(sid).ok()?.try_into().ok()?))
    }

    /// `None`: forged, expired, not good yet, or nobody's we know.
    pub fn read(&self, token: &str, now: Timestamp) -> Option<Bearer> {
        #[derive(Deserialize)]
        struct Issued {
            iss: String,
        }
        // Only to choose whose key it must be signed with.
        let Issued { iss } = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        if iss == OUR_ISSUER {
            let claims = self.ours.claims(token, now)?;
            let hash = URL_SAFE_NO_PAD.decode(claims.get("sid")?.as_str()?).ok()?;
            return Some(Bearer::Session(KeyHash(hash.try_into().ok()?)));
        }
        let provider = self.provider.as_ref().filter(|provider| provider.issuer == iss)?;
        provider.person(&provider.verifier.claims(token, now)?)
    }
}

impl Verifier {
    fn new(key: DecodingKey, algorithm: Algorithm, issuer: &str, audience: Option<&str>) -> Verifier {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        if let Some(audience) = audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        // These it would judge by the system's clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        Verifier { key, validation }
    }

    fn claims(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims: Claims = jsonwebtoken::decode(token, &self.key, &self.validation).ok()?.claims;
        let now_seconds = now.0 as f64 / 1e6;
        let ends = claims.get("exp")?.as_f64()?;
        let begins = match claims.get("nbf") {
            None | Some(Value::Null) => f64::MIN,
            Some(time) => time.as_f64()?,
        };
        let good = now_seconds < ends && begins <= now_seconds + NOT_BEFORE_LEEWAY_SECONDS as f64;
        good.then_some(claims)
    }
}

impl Provider {
    fn new(settings: &JwtSettings) -> Result<Provider, String> {
        let algorithm: Algorithm = settings.algorithm.parse().map_err(|_| "jwt.algorithm is unknown")?;
        let key = match &settings.key {
            ProviderKey::Secret(secret) => DecodingKey::from_secret(secret.expose().as_bytes()),
            ProviderKey::PublicKeyFile(path) => {
                let shown = path.display();
                let pem = std::fs::read(path)
                    .map_err(|error| format!("jwt.public_key_file: cannot read {shown}: {error}"))?;
                let parsed = match settings.algorithm.as_bytes() {
                    [b'R' | b'P', ..] => DecodingKey::from_rsa_pem(&pem),
                    [b'E', b'S', ..] => DecodingKey::from_ec_pem(&pem),
                    _ => DecodingKey::from_ed_pem(&pem),
                };
                parsed.map_err(|error| {
                    format!(
                        "jwt.public_key_file: {shown} holds no public key for {}: {error}",
                        settings.algorithm
                    )
                })?
            }
        };
        Ok(Provider {
            issuer: settings.issuer.clone(),
            verifier: Verifier::new(key, algorithm, &settings.issuer, Some(&settings.audience)),
            user_claim: settings.user_claim.clone(),
            organization_claim: settings.organization_claim.clone(),
            role_claim: settings.role_claim.clone(),
        })
    }

    /// A claim that is configured must be there and say something that we know.
    fn person(&self, claims: &Claims) -> Option<Bearer> {
        let text = |name: &str| match claims.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let verified = match claims.get("email_verified") {
            None | Some(Value::Bool(true)) => true,
            // Some providers write all claims as texts.
            Some(said) => said == "true",
        };
        if self.user_claim == "email" && !verified {
            return None;
        }
        let organization = match &self.organization_claim {
            Some(name) => Some(text(name)?),
            None => None,
        };
        let role = match &self.role_claim {
            Some(name) => Some(serde_json::from_value(claims.get(name)?.clone()).ok()?),
            None => None,
        };
        Some(Bearer::Person { email: text(&self.user_claim)?, organization, role })
    }
}
