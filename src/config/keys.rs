//! The one table of what may be configured. The file's keys, the environment variables, the flags, the
//! example file and the output of `smslite config` all follow from it. It refuses to know where a value
//! came from or what it is used for.

use super::kinds::Kind;
use super::settings::{IdFormat, LogFormat, SignatureMode};
use crate::model::carrier_account::SignatureMethod;
use clap::{Arg, ArgAction};

/// Which commands take a key as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    None,
    Serve,
    Global,
}

/// One row: everything that is known about a key before anybody gives it a value.
#[derive(Debug)]
pub struct Key {
    /// As in the file, after its table's name and a dot if it has one: `port`, `twilio.auth_token`.
    pub name: &'static str,
    pub kind: Kind,
    /// As a variable would say it; empty: not set.
    pub default: &'static str,
    /// Never shown, and readable from a file that `..._FILE` names.
    pub secret: bool,
    pub flag: Flag,
    /// One sentence.
    pub help: &'static str,
}

const ROW: Key = Key { name: "", kind: Kind::Text, default: "", secret: false, flag: Flag::None, help: "" };

/// Up to 1,000 a second.
const RATE: Kind = Kind::Integer { min: 1, max: 60_000 };

const DAYS: Kind = Kind::Integer { min: 0, max: 36_500 };

const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

/// Keys outside tables come first, as they must in the file.
#[rustfmt::skip] // one row: what it is on the first line, what it means on the second
pub static KEYS: &[Key] = &[
    Key { name: "host", kind: Kind::Host, default: "127.0.0.1", flag: Flag::Serve,
        help: "The address to listen on; anything but loopback is reachable by others.", ..ROW },
    Key { name: "port", kind: Kind::Integer { min: 0, max: 65535 }, default: "7670", flag: Flag::Serve,
        help: "The port to listen on; 0 takes a free one.", ..ROW },
    Key { name: "data_dir", kind: Kind::Text, default: "./smslite-data", flag: Flag::Global,
        help: "The directory that holds the database and everything else that is kept.", ..ROW },
    Key { name: "public_url", kind: Kind::Url, flag: Flag::Serve,
        help: "Where browsers and carriers reach this server, if not at the address it listens on.", ..ROW },
    Key { name: "id_format", kind: Kind::Choice(IdFormat::WORDS), default: "integer", flag: Flag::Serve,
        help: "How conversation ids are printed in JSON.", ..ROW },
    Key { name: "session_ttl_seconds", kind: Kind::Integer { min: 1, max: 315_360_000 }, default: "86400", flag: Flag::Serve,
        help: "How long after its last message a conversation still takes the next one.", ..ROW },
    Key { name: "log_format", kind: Kind::Choice(LogFormat::WORDS), default: "auto", flag: Flag::Serve,
        help: "How the log on stderr is written; auto is text on a terminal, else json.", ..ROW },
    Key { name: "metrics", kind: Kind::Metrics, default: "off", flag: Flag::Serve,
        help: "Where Prometheus finds /metrics: on is here, for admins; an address is a listener of its own that asks for no key.", ..ROW },
    Key { name: "trusted_proxies", kind: Kind::Networks, flag: Flag::Serve,
        help: "Whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host headers are believed.", ..ROW },
    Key { name: "cache_bytes", kind: Kind::Integer { min: 1 << 20, max: isize::MAX as u64 }, default: "67108864", flag: Flag::Serve,
        help: "Memory for the database's cache.", ..ROW },
    Key { name: "backup.dir", kind: Kind::Text,
        help: "Where backups are made by schedule; best on another disk. None are made without it.", ..ROW },
    Key { name: "backup.every_hours", kind: Kind::Integer { min: 1, max: 8760 }, default: "24",
        help: "How long after the last backup the next one is made.", ..ROW },
    Key { name: "backup.keep", kind: Kind::Integer { min: 1, max: 10_000 }, default: "7",
        help: "How many of these backups are kept.", ..ROW },
    Key { name: "jwt.issuer", kind: Kind::Text,
        help: "The identity provider whose tokens sign users in: their iss claim.", ..ROW },
    Key { name: "jwt.audience", kind: Kind::Text,
        help: "What the provider's tokens name as their audience (aud) when they are meant for this server.", ..ROW },
    Key { name: "jwt.algorithm", kind: Kind::Choice(ALGORITHMS), default: "RS256",
        help: "The one algorithm that the provider's tokens may be signed with.", ..ROW },
    Key { name: "jwt.secret", kind: Kind::Text, secret: true,
        help: "The secret shared with the provider, for HS256, HS384 and HS512.", ..ROW },
    Key { name: "jwt.public_key_file", kind: Kind::Text,
        help: "The provider's public key in PEM, for every other algorithm.", ..ROW },
    Key { name: "jwt.user_claim", kind: Kind::Text, default: "email",
        help: "The claim that holds the email of one of our users.", ..ROW },
    Key { name: "jwt.organization_claim", kind: Kind::Text,
        help: "The claim that names the organization, by slug or id; needed where an email is known in several.", ..ROW },
    Key { name: "jwt.role_claim", kind: Kind::Text,
        help: "The claim that says admin, user or viewer; the weaker of it and the user's own role counts.", ..ROW },
    Key { name: "twilio.account_sid", kind: Kind::Text,
        help: "The Twilio account for organizations that have none of their own.", ..ROW },
    Key { name: "twilio.auth_token", kind: Kind::Texts { max: 2 }, secret: true,
        help: "The account's auth token; two while it is being rotated.", ..ROW },
    Key { name: "twilio.shared_keys", kind: Kind::Texts { max: 2 }, secret: true,
        help: "Shared keys that Twilio may sign its webhooks with instead of the auth token.", ..ROW },
    Key { name: "twilio.signatures", kind: Kind::Choice(SignatureMode::WORDS), default: "enforce",
        help: "What happens to forged webhooks: refused, kept and flagged, or (only on loopback) not looked for.", ..ROW },
    Key { name: "twilio.base_url", kind: Kind::Url,
        help: "Where messages are sent to instead of https://api.twilio.com.", ..ROW },
    Key { name: "twilio.messages_per_minute", kind: RATE, default: "3000",
        help: "The most messages that are sent to Twilio in a minute.", ..ROW },
    Key { name: "twilio.number_messages_per_minute", kind: RATE, default: "60",
        help: "The most messages that one of its numbers sends in a minute.", ..ROW },
    Key { name: "telnyx.api_key", kind: Kind::Text, secret: true,
        help: "The Telnyx API key that messages are sent with.", ..ROW },
    Key { name: "telnyx.public_key", kind: Kind::PublicKeys { max: 2 },
        help: "The account's public key that its webhooks are verified with, in base64; two while it is being rotated.", ..ROW },
    Key { name: "telnyx.signatures", kind: Kind::Choice(SignatureMode::WORDS), default: "enforce",
        help: "What happens to forged webhooks: refused, kept and flagged, or (only on loopback) not looked for.", ..ROW },
    Key { name: "telnyx.base_url", kind: Kind::Url,
        help: "Where messages are sent to instead of https://api.telnyx.com.", ..ROW },
    Key { name: "telnyx.messages_per_minute", kind: RATE, default: "3000",
        help: "The most messages that are sent to Telnyx in a minute.", ..ROW },
    Key { name: "telnyx.number_messages_per_minute", kind: RATE, default: "60",
        help: "The most messages that one of its numbers sends in a minute.", ..ROW },
    Key { name: "vonage.api_key", kind: Kind::Text,
        help: "The Vonage account: its API key.", ..ROW },
    Key { name: "vonage.api_secret", kind: Kind::Text, secret: true,
        help: "The account's API secret that messages are sent with.", ..ROW },
    Key { name: "vonage.signature_secret", kind: Kind::Texts { max: 2 }, secret: true,
        help: "The account's signature secret that its webhooks are verified with; two while it is being rotated.", ..ROW },
    Key { name: "vonage.signature_method", kind: Kind::Choice(&SignatureMethod::WORDS), default: "md5hash",
        help: "How the account signs webhooks of the SMS API, as its dashboard says.", ..ROW },
    Key { name: "vonage.signatures", kind: Kind::Choice(SignatureMode::WORDS), default: "enforce",
        help: "What happens to forged webhooks: refused, kept and flagged, or (only on loopback) not looked for.", ..ROW },
    Key { name: "vonage.base_url", kind: Kind::Url,
        help: "Where messages are sent to instead of https://rest.nexmo.com and https://api.nexmo.com.", ..ROW },
    Key { name: "vonage.messages_per_minute", kind: RATE, default: "1800",
        help: "The most messages that are sent to Vonage in a minute.", ..ROW },
    Key { name: "vonage.number_messages_per_minute", kind: RATE, default: "60",
        help: "The most messages that one of its numbers sends in a minute.", ..ROW },
    Key { name: "sending.timeout_seconds", kind: Kind::Integer { min: 1, max: 120 }, default: "30",
        help: "How long a carrier may take to answer; after that nobody knows whether it took the message.", ..ROW },
    Key { name: "forwarding.timeout_seconds", kind: Kind::Integer { min: 1, max: 10 }, default: "10",
        help: "How long the URL that an inbound message is forwarded to may take to answer.", ..ROW },
    Key { name: "forwarding.allowed_networks", kind: Kind::Networks,
        help: "Private networks that inbound messages may be forwarded to; loopback is open while listening on loopback.", ..ROW },
    Key { name: "retention.conversations_days", kind: DAYS, default: "0",
        help: "Days after its last activity that a conversation is deleted with everything of it; 0 keeps it for ever.", ..ROW },
    Key { name: "retention.logs_days", kind: DAYS, default: "0",
        help: "Days that a message log is kept, with its raw payload; 0 for ever.", ..ROW },
    Key { name: "retention.raw_payloads_days", kind: DAYS, default: "0",
        help: "Days that what a carrier really sent is kept beside the log of it; 0 for ever.", ..ROW },
    Key { name: "retention.audit_days", kind: DAYS, default: "0",
        help: "Days that an audit entry is kept, with its raw payload; 0 for ever.", ..ROW },
    Key { name: "retention.feed_days", kind: DAYS, default: "0",
        help: "Days that the change feed reaches back; 0 to the beginning.", ..ROW },
];

impl Key {
    /// The table it stands in (empty for none), and its name in there.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// `SMSLITE_TWILIO_AUTH_TOKEN`.
    pub fn variable(&self) -> String {
        format!("SMSLITE_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// `data-dir`, to be written after two dashes.
    pub fn long_flag(&self) -> String {
        self.name.replace('_', "-")
    }

    fn arg(&self) -> Arg {
        let mut help = format!("{} [env: {}]", self.help, self.variable());
        if !self.default.is_empty() {
            help += &format!(" [default: {}]", self.default);
        }
        let action = if self.kind.is_list() { ArgAction::Append } else { ArgAction::Set };
        let global = self.flag == Flag::Global;
        Arg::new(self.name).long(self.long_flag()).action(action).global(global).help(help)
    }

    /// Its paragraph in the example file.
    fn example(&self) -> String {
        let default = match self.kind {
            _ if self.kind.is_list() => String::from("[]"), // no list has another default
            Kind::Integer { .. } => self.default.to_owned(),
            _ => format!("{:?}", self.default),
        };
        let mut also = self.variable();
        if self.secret {
            also += &format!(", {also}_FILE");
        }
        if self.flag != Flag::None {
            also += &format!(", --{}", self.long_flag());
        }
        let (must, (_, name)) = (self.kind.expectation(), self.split());
        format!("\n# {}\n# Must be {must}. Also {also}.\n#{name} = {default}\n", self.help)
    }
}

/// Every flag that sets a key, and `--config`. Those that are global belong to every command, the others
/// to `serve`. Clap takes any text for them; `load` judges them together with everything else.
pub fn flags() -> Vec<Arg> {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .global(true)
        .help("The configuration file [env: SMSLITE_CONFIG] [default: ./smslite.toml if it exists]");
    let keys = KEYS.iter().filter(|key| key.flag != Flag::None);
    let keys = keys.map(|key| key.arg().value_name(key.name.to_uppercase()));
    std::iter::once(config).chain(keys).collect()
}

/// The text of `config.example.toml`: every key, commented out at its default.
pub fn example() -> String {
    let mut text = String::from(
        "# Read from ./smslite.toml, or from the file that --config or SMSLITE_CONFIG names.\n\
         # Flags win over environment variables, these over this file, this over the defaults shown here.\n\
         # In variables and flags, commas separate a list; NAME_FILE names a file with the secret NAME.\n",
    );
    let mut table = "";
    for key in KEYS {
        if key.split().0 != table {
            table = key.split().0;
            text += &format!("\n[{table}]\n");
        }
        text += &key.example();
    }
    text
}
