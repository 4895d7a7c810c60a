//! Tokens: ours, the identity provider's, and those that pretend to be.

use crate::util::client::Answer;
use crate::util::{SECOND, TestApp, settings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use smslite::config::{JwtSettings, ProviderKey, Secret};

const LIST: &str = "/api/v1/sms-conversations/";
const SECRET: &str = "shared-with-the-provider-0123456789";
/// 2026-04-30T10:00:00Z, when every test begins.
const NOW: i64 = 1_777_543_200;

fn provider(algorithm: &str) -> JwtSettings {
    let file = |name: &str| {
        let path = format!("{}/tests/it/api/provider/{name}.pub.pem", env!("CARGO_MANIFEST_DIR"));
        ProviderKey::PublicKeyFile(path.into())
    };
    JwtSettings {
        issuer: "https://id.example.com".into(),
        audience: "smslite-test".into(),
        algorithm: algorithm.into(),
        key: match algorithm {
            "HS256" => ProviderKey::Secret(Secret::new(SECRET.into())),
            "ES256" => file("es256"),
            _ => file("rs256"),
        },
        user_claim: "email".into(),
        organization_claim: None,
        role_claim: None,
    }
}

async fn app_with(jwt: JwtSettings) -> TestApp {
    let mut settings = settings();
    settings.jwt = Some(jwt);
    let app = TestApp::start_with(settings).await;
    let ann = json!({"email": "ann@example.com", "role": "user"});
    app.admin().post("/api/v1/users", &ann.to_string()).await.expect(201);
    app
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com", "aud": "smslite-test", "email": "ann@example.com",
        "iat": NOW, "exp": NOW + 60,
    })
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn signed(algorithm: Algorithm, claims: &Value, key: &EncodingKey) -> String {
    encode(&Header::new(algorithm), claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

async fn list(app: &TestApp, token: &str) -> Answer {
    app.with_token(token).get(LIST).await
}

#[tokio::test]
async fn a_providers_token_signs_its_user_in() {
    let pem = |name: &str| std::fs::read(format!("tests/it/api/provider/{name}.pem")).unwrap();
    let es256 = EncodingKey::from_ec_pem(&pem("es256")).unwrap();
    let rs256 = EncodingKey::from_rsa_pem(&pem("rs256")).unwrap();
    for (name, token) in [
        ("HS256", hs256(&claims())),
        ("ES256", signed(Algorithm::ES256, &claims(), &es256)),
        ("RS256", signed(Algorithm::RS256, &claims(), &rs256)),
    ] {
        let app = app_with(provider(name)).await;
        list(&app, &token).await.expect(200);
        let me = app.with_token(&token).get("/api/auth/me").await.json();
        assert_eq!(me["email"], "ann@example.com", "{name}");
        app.with_token(&token).get("/api/v1/users").await.expect(403);
    }
}

#[tokio::test]
async fn a_token_that_is_not_for_us_or_not_now_is_refused() {
    let app = app_with(provider("HS256")).await;
    for (status, changes) in [
        (200, json!({})),
        (200, json!({"aud": ["other", "smslite-test"]})),
        (200, json!({"nbf": NOW + 30})),
        (200, json!({"exp": NOW as f64 + 0.5})),
        (401, json!({"nbf": NOW + 31})),
        (401, json!({"nbf": "soon"})),
        (401, json!({"exp": NOW})),
        (401, json!({"exp": NOW - 1})),
        (401, json!({"exp": null})),
        (401, json!({"exp": "never"})),
        (401, json!({"aud": "another application"})),
        (401, json!({"aud": null})),
        (401, json!({"iss": "https://evil.example.com"})),
        (401, json!({"iss": ["https://id.example.com"]})),
        (401, json!({"iss": null})),
        (401, json!({"email": "nobody@example.com"})),
        (401, json!({"email": null})),
        (401, json!({"email": true})),
        (401, json!({"email_verified": false})),
        (401, json!({"email_verified": "false"})),
        (401, json!({"email_verified": 0})),
        (200, json!({"email_verified": "true"})),
        (200, json!({"email_verified": true})),
    ] {
        assert_eq!(list(&app, &hs256(&with(changes.clone()))).await.status, status, "{changes}");
    }
}

#[tokio::test]
async fn a_token_ends_by_our_clock() {
    let app = app_with(provider("HS256")).await;
    let token = hs256(&claims());
    app.advance(60 * SECOND - 1);
    list(&app, &token).await.expect(200);
    app.advance(1);
    list(&app, &token).await.expect(401);
}

#[tokio::test]
async fn only_the_pinned_algorithm_and_key_count() {
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |algorithm: &str| {
        format!("{}.{}.", encoded(json!({"alg": algorithm, "typ": "JWT"})), encoded(claims()))
    };
    let public = std::fs::read("tests/it/api/provider/rs256.pub.pem").unwrap();
    let app = app_with(provider("RS256")).await;
    let other_key = EncodingKey::from_secret(b"guessed");
    for (what, token) in [
        ("alg none", unsigned("none")),
        ("no signature", unsigned("RS256")),
        (
            "the public key as an HMAC secret",
            signed(Algorithm::HS256, &claims(), &EncodingKey::from_secret(&public)),
        ),
        ("another algorithm", hs256(&claims())),
        ("no token", "a.b.c".to_owned()),
        ("two parts", "a.b".to_owned()),
    ] {
        assert_eq!(list(&app, &token).await.status, 401, "{what}");
    }
    let app = app_with(provider("HS256")).await;
    list(&app, &signed(Algorithm::HS256, &claims(), &other_key)).await.expect(401);
    list(&app, &signed(Algorithm::HS512, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())))
        .await
        .expect(401);
    let mut tampered = hs256(&claims());
    tampered.pop();
    list(&app, &tampered).await.expect(401);
}

#[tokio::test]
async fn a_provider_cannot_sign_our_own_tokens_nor_we_its() {
    let app = app_with(provider("HS256")).await;
    let sid = URL_SAFE_NO_PAD.encode([7; 32]);
    let ours = with(json!({"iss": "smslite", "sid": sid, "sub": 1}));
    list(&app, &hs256(&ours)).await.expect(401);
    let password = json!({"email": "bob@example.com", "password": "long enough"}).to_string();
    app.admin().post("/api/v1/users", &password).await.expect(201);
    let signed_in = app.anonymous().post("/api/auth/login/simple", &password).await.expect(200).json();
    let own = signed_in["access_token"].as_str().unwrap();
    list(&app, own).await.expect(200);
    // Its claims under the provider's key.
    let claims: Value = {
        let part = own.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!((&claims["iss"], &claims["exp"]), (&json!("smslite"), &json!(NOW + 12 * 3600)));
    list(&app, &hs256(&claims)).await.expect(401);
}

#[tokio::test]
async fn claims_choose_the_organization_and_may_weaken_the_role() {
    let settings = JwtSettings {
        organization_claim: Some("org".into()),
        role_claim: Some("role".into()),
        ..provider("HS256")
    };
    let app = app_with(settings).await;
    app.organization("other", "sl_live_other").await;
    let ann = json!({"email": "ann@example.com", "role": "admin"}).to_string();
    app.with_token("sl_live_other").post("/api/v1/users", &ann).await.expect(201);
    for (organization, role, wanted) in [
        (json!("default"), json!("admin"), Some((1, 403))),
        (json!("other"), json!("admin"), Some((2, 200))),
        (json!(2), json!("admin"), Some((2, 200))),
        (json!("other"), json!("user"), Some((2, 403))),
        (json!("nobody's"), json!("admin"), None),
        (json!(null), json!("admin"), None),
        (json!("other"), json!("king"), None),
        (json!("other"), json!(null), None),
    ] {
        let token = hs256(&with(json!({"org": organization, "role": role})));
        let me = app.with_token(&token).get("/api/v1/users/me").await;
        let seen = match me.status {
            200 => {
                let admin = app.with_token(&token).get("/api/v1/users").await.status;
                Some((me.json()["organization_id"].as_u64().unwrap(), admin))
            }
            status => {
                assert_eq!(status, 401);
                None
            }
        };
        assert_eq!(seen, wanted, "{organization} {role}");
    }
}

#[tokio::test]
async fn an_email_in_two_organizations_is_refused_where_no_claim_tells_which() {
    let app = app_with(provider("HS256")).await;
    list(&app, &hs256(&claims())).await.expect(200);
    app.organization("other", "sl_live_other").await;
    let ann = r#"{"email": "ann@example.com"}"#;
    app.with_token("sl_live_other").post("/api/v1/users", ann).await.expect(201);
    list(&app, &hs256(&claims())).await.expect(401);
}
