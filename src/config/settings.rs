//! The values the program uses, typed. They are made of checked ones only, so nothing that cannot be used
//! gets in here.

use super::said::Said;
use super::sources::Values;
use crate::model::carrier_account::SignatureMethod;
use crate::model::message_log::Provider;
use crate::model::network::Network;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub(super) const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(()),
                }
            }
        }
    )*};
}

choices! {
    /// How `SMSConversation.id` and `SMSMessage.conversation_id` are printed.
    IdFormat { Integer = "integer", String = "string" }
    /// `Auto` is text on a terminal, else JSON.
    LogFormat { Auto = "auto", Text = "text", Json = "json" }
    /// `Report` keeps a webhook with a bad signature and flags it; `Off` looks at none.
    SignatureMode { Enforce = "enforce", Report = "report", Off = "off" }
}

/// Where `/metrics` is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAt {
    Nowhere,
    /// Beside the API, for admins.
    Main,
    /// On a listener of its own, for whoever reaches it.
    Own(SocketAddr),
}

impl FromStr for MetricsAt {
    type Err = ();

    fn from_str(text: &str) -> Result<MetricsAt, ()> {
        match text {
            "off" => Ok(MetricsAt::Nowhere),
            "on" => Ok(MetricsAt::Main),
            address => address.parse().map(MetricsAt::Own).map_err(drop),
        }
    }
}

/// A text that no log, error or listing shows. It has no `==`: what it exposes is compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub host: IpAddr,
    pub port: u16,
    /// Relative to the working directory, wherever it was said.
    pub data_dir: PathBuf,
    /// Without a trailing slash.
    pub public_url: Option<String>,
    pub id_format: IdFormat,
    pub session_ttl_seconds: u64,
    pub log_format: LogFormat,
    pub metrics: MetricsAt,
    pub trusted_proxies: Vec<Network>,
    pub cache_bytes: usize,
    pub backup: Option<BackupSettings>,
    pub jwt: Option<JwtSettings>,
    pub twilio: TwilioSettings,
    pub telnyx: TelnyxSettings,
    pub vonage: VonageSettings,
    /// How long a carrier may take to answer.
    pub send_timeout_seconds: u64,
    pub forward_timeout_seconds: u64,
    /// Where inbound messages may be forwarded beside public addresses.
    pub forward_allowed_networks: Vec<Network>,
    pub retention: RetentionSettings,
    /// The same as people may see it, with who said it.
    pub said: Said,
}

/// For how many days each kind is kept; 0: for ever.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    pub conversations_days: u64,
    pub logs_days: u64,
    pub raw_payloads_days: u64,
    pub audit_days: u64,
    pub feed_days: u64,
}

/// Backups that nobody has to ask for.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    pub dir: PathBuf,
    pub every_hours: u64,
    pub keep: usize,
}

/// Who signs our own tokens: no other provider may call itself so.
pub const OUR_ISSUER: &str = "smslite";

/// The identity provider whose tokens are taken.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    pub issuer: String,
    pub audience: String,
    /// As RFC 7518 spells it.
    pub algorithm: String,
    pub key: ProviderKey,
    pub user_claim: String,
    pub organization_claim: Option<String>,
    pub role_claim: Option<String>,
}

#[derive(Clone, Debug)]
pub enum ProviderKey {
    Secret(Secret),
    PublicKeyFile(PathBuf),
}

/// The credentials of organizations that have none of their own.
#[derive(Clone, Debug)]
pub struct TwilioSettings {
    pub account_sid: Option<String>,
    /// At most two, the second for rotation.
    pub auth_tokens: Vec<Secret>,
    /// At most two.
    pub shared_keys: Vec<Secret>,
    pub carrier: CarrierSettings,
}

#[derive(Clone, Debug)]
pub struct TelnyxSettings {
    pub api_key: Option<Secret>,
    /// At most two, the second for rotation.
    pub public_keys: Vec<String>,
    pub carrier: CarrierSettings,
}

#[derive(Clone, Debug)]
pub struct VonageSettings {
    pub api_key: Option<String>,
    pub api_secret: Option<Secret>,
    /// At most two, the second for rotation.
    pub signature_secrets: Vec<Secret>,
    pub signature_method: SignatureMethod,
    pub carrier: CarrierSettings,
}

/// What may be said of every carrier.
#[derive(Clone, Debug)]
pub struct CarrierSettings {
    pub signatures: SignatureMode,
    /// Without a trailing slash.
    pub base_url: Option<String>,
    pub messages_per_minute: u32,
    pub number_messages_per_minute: u32,
}

impl CarrierSettings {
    fn of(values: &Values, table: &str) -> CarrierSettings {
        let name = |key: &str| format!("{table}.{key}");
        CarrierSettings {
            signatures: one(values, &name("signatures")),
            base_url: list(values, &name("base_url")).pop(),
            messages_per_minute: one(values, &name("messages_per_minute")),
            number_messages_per_minute: one(values, &name("number_messages_per_minute")),
        }
    }
}

impl Settings {
    /// What is said of a carrier; of the sandbox nothing can be.
    pub fn carrier(&self, provider: Provider) -> Option<&CarrierSettings> {
        match provider {
            Provider::Twilio => Some(&self.twilio.carrier),
            Provider::Telnyx => Some(&self.telnyx.carrier),
            Provider::Vonage => Some(&self.vonage.carrier),
            Provider::Sandbox => None,
        }
    }

    /// Whether nobody but this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        self.host.to_canonical().is_loopback()
    }

    pub(super) fn from_values(values: &Values) -> Settings {
        let secrets = |key| list(values, key).into_iter().map(Secret::new).collect();
        Settings {
            host: one(values, "host"),
            port: one(values, "port"),
            data_dir: one(values, "data_dir"),
            public_url: list(values, "public_url").pop(),
            id_format: one(values, "id_format"),
            session_ttl_seconds: one(values, "session_ttl_seconds"),
            log_format: one(values, "log_format"),
            metrics: one(values, "metrics"),
            trusted_proxies: list(values, "trusted_proxies"),
            cache_bytes: one(values, "cache_bytes"),
            backup: list(values, "backup.dir").pop().map(|dir: String| BackupSettings {
                dir: dir.into(),
                every_hours: one(values, "backup.every_hours"),
                keep: one(values, "backup.keep"),
            }),
            jwt: jwt(values).unwrap_or_default(),
            twilio: TwilioSettings {
                account_sid: list(values, "twilio.account_sid").pop(),
                auth_tokens: secrets("twilio.auth_token"),
                shared_keys: secrets("twilio.shared_keys"),
                carrier: CarrierSettings::of(values, "twilio"),
            },
            telnyx: TelnyxSettings {
                api_key: list(values, "telnyx.api_key").pop().map(Secret::new),
                public_keys: list(values, "telnyx.public_key"),
                carrier: CarrierSettings::of(values, "telnyx"),
            },
            vonage: VonageSettings {
                api_key: list(values, "vonage.api_key").pop(),
                api_secret: list(values, "vonage.api_secret").pop().map(Secret::new),
                signature_secrets: secrets("vonage.signature_secret"),
                signature_method: one(values, "vonage.signature_method"),
                carrier: CarrierSettings::of(values, "vonage"),
            },
            send_timeout_seconds: one(values, "sending.timeout_seconds"),
            forward_timeout_seconds: one(values, "forwarding.timeout_seconds"),
            forward_allowed_networks: list(values, "forwarding.allowed_networks"),
            retention: RetentionSettings {
                conversations_days: one(values, "retention.conversations_days"),
                logs_days: one(values, "retention.logs_days"),
                raw_payloads_days: one(values, "retention.raw_payloads_days"),
                audit_days: one(values, "retention.audit_days"),
                feed_days: one(values, "retention.feed_days"),
            },
            said: Said::of(values),
        }
    }
}

/// The provider's settings, when there is one. The error says what is missing or too much.
pub(super) fn jwt(values: &Values) -> Result<Option<JwtSettings>, String> {
    let said = |name: &str| list::<String>(values, name).pop();
    let complaint = |name: &str, what: &str| Err(format!("{}: {name} {what}", values[name].1));
    let Some(issuer) = said("jwt.issuer") else {
        let others = ["jwt.audience", "jwt.secret", "jwt.public_key_file"];
        let lonely = others.into_iter().find(|name| said(name).is_some());
        return lonely.map_or(Ok(None), |name| complaint(name, "says nothing without jwt.issuer"));
    };
    if issuer == OUR_ISSUER {
        return complaint("jwt.issuer", "must not be the issuer of our own tokens");
    }
    let Some(audience) = said("jwt.audience") else {
        return complaint(
            "jwt.issuer",
            "needs jwt.audience: tokens for other applications must not sign in here",
        );
    };
    let algorithm: String = one(values, "jwt.algorithm");
    let key = match (algorithm.starts_with("HS"), said("jwt.secret"), said("jwt.public_key_file")) {
        (true, Some(secret), None) => ProviderKey::Secret(Secret::new(secret)),
        (false, None, Some(path)) => ProviderKey::PublicKeyFile(path.into()),
        (true, ..) => {
            return complaint(
                "jwt.algorithm",
                &format!("is {algorithm}: set jwt.secret and no jwt.public_key_file"),
            );
        }
        (false, ..) => {
            return complaint(
                "jwt.algorithm",
                &format!("is {algorithm}: set jwt.public_key_file and no jwt.secret"),
            );
        }
    };
    Ok(Some(JwtSettings {
        issuer,
        audience,
        algorithm,
        key,
        user_claim: one(values, "jwt.user_claim"),
        organization_claim: said("jwt.organization_claim"),
        role_claim: said("jwt.role_claim"),
    }))
}

/// The defaults of the table.
impl Default for Settings {
    fn default() -> Settings {
        Settings::from_values(&super::sources::Found::with_defaults().values)
    }
}

fn list<T: FromStr>(values: &Values, key: &str) -> Vec<T> {
    let (items, _) = values.get(key).expect("every key of the table has at least its default");
    let parsed: Option<_> = items.iter().map(|item| item.parse().ok()).collect();
    parsed.expect("a key's kind accepts only what its field can hold")
}

fn one<T: FromStr>(values: &Values, key: &str) -> T {
    list(values, key).pop().expect("a key that has a default cannot be unset")
}
