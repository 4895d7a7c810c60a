//! Vonage: is a webhook really Vonage's?
//!
//! Sources: Vonage's "Signing messages" and "Signed webhooks" pages. Its official libraries leave out parts of both
//! schemes (the time, the hash of the body); nothing is left out here.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{Said, SignatureMethod, VonageAccount};
use crate::carriers::form::Form;
use crate::carriers::proof::{check_timestamp, hex, hex_sha256, is_timely, same};
use crate::carriers::{Refusal, WebhookRequest};

const NO_SECRET: Refusal = Refusal::NoSecret { setting: "vonage.signature_secret" };

pub(super) fn verify(account: &VonageAccount, request: &WebhookRequest<'_>) -> Result<(), Refusal> {
    if account.signature_secrets.is_empty() {
        return Err(NO_SECRET);
    }
    // A token vouches for the body alone, and of a GET the query is read.
    if let Some(token) = bearer(request).filter(|_| request.method != Method::GET) {
        return verify_token(account, request, token);
    }
    match Said::of(request) {
        Ok(Said::Sms(form)) => verify_params(account, request, &form),
        Ok(Said::Messages(_)) => Err(Refusal::MissingHeader("Authorization")),
        Err(_) => Err(Refusal::BodyNotCovered),
    }
}

/// The token of an `Authorization: Bearer`.
pub(super) fn bearer<'r>(request: &WebhookRequest<'r>) -> Option<&'r str> {
    let (scheme, token) = request.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn verify_params(
    account: &VonageAccount,
    request: &WebhookRequest<'_>,
    form: &Form<'_>,
) -> Result<(), Refusal> {
    let given = form.filled("sig").ok_or(Refusal::MissingParameter("sig"))?.to_ascii_lowercase();
    let timestamp = form.filled("timestamp").ok_or(Refusal::MissingParameter("timestamp"))?;
    check_timestamp(&timestamp, request.now_unix)?;
    // Vonage's libraries are not at one whether empty values are signed, and what our own callback URL says of itself in
    // the query of a GET is not Vonage's to sign.
    let empties = [true, false];
    let ours: &[bool] = if request.method == Method::GET { &[true, false] } else { &[true] };
    let variants = empties.iter().flat_map(|empty| ours.iter().map(move |ours| (*empty, *ours)));
    let matches = |(empty, ours): (bool, bool)| {
        let signed =
            string_to_sign(form, |name, value| (empty || !value.is_empty()) && (ours || name != b"job"));
        let signed_by =
            |secret: &String| same(&signature(account.signature_method, secret, &signed), given.as_bytes());
        account.signature_secrets.iter().any(signed_by)
    };
    match variants.into_iter().any(matches) {
        true => Ok(()),
        false => {
            let over = format!("the parameters with {:?}", account.signature_method);
            Err(Refusal::SignatureMismatch { over })
        }
    }
}

/// Makes the `sig` that Vonage would send with these encoded parameters, for tests and demonstrations.
pub fn sign(method: SignatureMethod, secret: &str, encoded: &[u8]) -> String {
    signature(method, secret, &string_to_sign(&Form::decode(encoded), |_, _| true))
}

/// `&name=value` of each parameter in the order of their names. A separator within a name or a value becomes `_`;
/// with names, too, nothing can be folded into one that stands for two.
fn string_to_sign(form: &Form<'_>, is_signed: impl Fn(&[u8], &[u8]) -> bool) -> Vec<u8> {
    let mut params: Vec<_> =
        form.iter().filter(|(name, value)| *name != b"sig" && is_signed(name, value)).collect();
    params.sort_by_key(|(name, _)| *name);
    let cleaned = |text: &[u8]| {
        text.iter().map(|&byte| if matches!(byte, b'&' | b'=') { b'_' } else { byte }).collect()
    };
    let pieces = params.into_iter().flat_map(|(name, value)| {
        let (name, value): (Vec<u8>, Vec<u8>) = (cleaned(name), cleaned(value));
        [b"&".to_vec(), name, b"=".to_vec(), value]
    });
    pieces.flatten().collect()
}

/// In lower-case hexadecimal.
fn signature(method: SignatureMethod, secret: &str, signed: &[u8]) -> String {
    fn hmac<M: Mac + KeyInit>(secret: &str, signed: &[u8]) -> String {
        let mut mac =
            <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(signed);
        hex(&mac.finalize().into_bytes())
    }
    match method {
        SignatureMethod::Md5Hash => hex(&Md5::new().chain_update(signed).chain_update(secret).finalize()),
        SignatureMethod::Md5 => hmac::<Hmac<Md5>>(secret, signed),
        SignatureMethod::Sha1 => hmac::<Hmac<Sha1>>(secret, signed),
        SignatureMethod::Sha256 => hmac::<Hmac<Sha256>>(secret, signed),
        SignatureMethod::Sha512 => hmac::<Hmac<Sha512>>(secret, signed),
    }
}

/// The token vouches for the body by its hash; that it has no end of its own is why its beginning must be recent.
fn verify_token(account: &VonageAccount, request: &WebhookRequest<'_>, token: &str) -> Result<(), Refusal> {
    let claims = claims(account, token)?;
    let api_key = claims.get("api_key").and_then(Value::as_str);
    if account.api_key.as_deref().is_some_and(|ours| api_key != Some(ours)) {
        return Err(Refusal::OtherAccount);
    }
    let seconds = |name: &str| claims.get(name).filter(|time| !time.is_null()).map(whole_seconds);
    match seconds("iat") {
        Some(Some(signed_at)) if is_timely(signed_at, request.now_unix) => {}
        Some(_) => return Err(Refusal::NotNow(claims["iat"].to_string().chars().take(40).collect())),
        None => return Err(Refusal::BadToken("it does not say when it was signed".to_owned())),
    }
    if seconds("exp").is_some_and(|ends| ends.is_none_or(|ends| ends <= request.now_unix)) {
        return Err(Refusal::BadToken("it has expired".to_owned()));
    }
    let promised = claims.get("payload_hash").and_then(Value::as_str).ok_or(Refusal::BodyNotCovered)?;
    match same(&hex_sha256(request.body), promised.to_ascii_lowercase().as_bytes()) {
        true => Ok(()),
        false => Err(Refusal::BodyHashDiffers),
    }
}

fn whole_seconds(time: &Value) -> Option<i64> {
    time.as_i64().or_else(|| Some(time.as_f64()? as i64))
}

fn claims(account: &VonageAccount, token: &str) -> Result<Map<String, Value>, Refusal> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["Vonage"]);
    validation.set_required_spec_claims(&["iss"]);
    // Times it would judge by the system's clock, and the token is meant for nobody in particular.
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let mut refusal = NO_SECRET;
    for secret in &account.signature_secrets {
        let key = DecodingKey::from_secret(secret.as_bytes());
        match jsonwebtoken::decode(token, &key, &validation) {
            Ok(token) => return Ok(token.claims),
            Err(error) => refusal = Refusal::BadToken(error.to_string()),
        }
    }
    Err(refusal)
}
