//! Organizations, users and API keys. Of secrets only hashes are kept.

use super::ids::{ApiKeyId, OrganizationId, UserId};
use super::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};

/// Every API key starts so; a person who finds one in a log knows what it is.
pub const API_KEY_PREFIX: &str = "sl_live_";

/// What a key must be that somebody gives instead of having it made.
pub const API_KEY_RULE: &str = "must be sl_live_ and then 32 to 128 of A-Z, a-z, 0-9, - and _";

/// Whether a key keeps to [`API_KEY_RULE`]: it is too long to be guessed.
pub fn is_api_key(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let rest = text.strip_prefix(API_KEY_PREFIX).unwrap_or_default();
    (32..=128).contains(&rest.len()) && rest.bytes().all(good)
}

/// In bytes; what is longer is nobody's.
pub const LONGEST_EMAIL: usize = 254;

pub fn is_email(text: &str) -> bool {
    let is_email = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    is_email && text.len() <= LONGEST_EMAIL && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The fewest characters of a password that a person chooses.
const SHORTEST_PASSWORD: usize = 8;
/// So that hashing a long text is no way to keep the server busy.
pub const LONGEST_PASSWORD: usize = 1024;

/// Whether a person may choose this password; the error is a sentence for them.
pub fn password_fits(password: &str) -> Result<(), String> {
    match password.chars().count() >= SHORTEST_PASSWORD && password.len() <= LONGEST_PASSWORD {
        true => Ok(()),
        false => Err(format!(
            "Input should have {SHORTEST_PASSWORD} characters or more, and {LONGEST_PASSWORD} bytes at most"
        )),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read only.
    Viewer,
    User,
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::User, Role::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::User => "user",
            Role::Admin => "admin",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Short name for commands: lower-case letters, digits, hyphens.
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
}

/// In JSON it is one text. What is derived is how it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub enum PasswordHash {
    /// 256 random bits made by us; SHA-256 is enough for those.
    Generated(String),
    /// Chosen by a person: an Argon2id string in PHC format.
    Chosen(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role: Role,
    pub password: Option<PasswordHash>,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the text of a generated password's hash starts with; that of a chosen one with `$argon2`.
const GENERATED: &str = "sha256:";

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            _ if !serializer.is_human_readable() => PasswordHash::serialize(self, serializer),
            PasswordHash::Generated(hash) => serializer.collect_str(&format_args!("{GENERATED}{hash}")),
            PasswordHash::Chosen(phc) => serializer.serialize_str(phc),
        }
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PasswordHash, D::Error> {
        if !deserializer.is_human_readable() {
            return PasswordHash::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix(GENERATED) {
            Some(hash) if !hash.is_empty() => Ok(PasswordHash::Generated(hash.to_owned())),
            None if text.starts_with("$argon2") => Ok(PasswordHash::Chosen(text)),
            // The text is never shown: somebody may have put a password there.
            _ => Err(D::Error::custom("expected a hash: \"sha256:...\" or \"$argon2...\"")),
        }
    }
}

/// What an admin says of a user. What is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    pub password: Option<PasswordHash>,
}

impl UserChange {
    pub fn apply(&self, user: &mut User) {
        user.first_name = self.first_name.clone().or(user.first_name.take());
        user.last_name = self.last_name.clone().or(user.last_name.take());
        user.role = self.role.unwrap_or(user.role);
        user.is_active = self.is_active.unwrap_or(user.is_active);
        user.password = self.password.clone().or(user.password.take());
    }
}

/// SHA-256 of an API key. In JSON it is hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl Hash for KeyHash {
    /// In one piece, without a length before it, which is always the same. All of it: an import takes hashes as they
    /// are given, and some may be made to begin alike.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(&self.0.map(|byte| format!("{byte:02x}")).concat()),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 32]>::deserialize(deserializer).map(KeyHash);
        }
        // The text is never shown: somebody may have put the key there.
        let wrong = || D::Error::custom("expected the key's SHA-256 as 64 hexadecimal digits");
        KeyHash::of_hex(&String::deserialize(deserializer)?).ok_or_else(wrong)
    }
}

impl KeyHash {
    pub fn of(presented: &str) -> KeyHash {
        KeyHash(Sha256::digest(presented.as_bytes()).into())
    }

    fn of_hex(text: &str) -> Option<KeyHash> {
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).filter(|digits| !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        (text.len() == 64).then_some(KeyHash(hash))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub user_id: UserId,
    pub name: String,
    /// The first characters, so that people can tell their keys apart.
    pub key_prefix: String,
    pub hash: KeyHash,
    pub role: Role,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A person who signed in. The secret is in their browser's cookie; a JWT names the hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardSession {
    pub user_id: UserId,
    pub hash: KeyHash,
    pub started_at: Timestamp,
    /// It ends when it was not used for so long.
    pub idle_seconds: u64,
    /// It ends then, however busy it was.
    pub ends_at: Timestamp,
}

impl DashboardSession {
    /// Where the row lies: 64 bits of the hash.
    pub fn number(&self) -> u64 {
        self.hash.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The end if it is not used again.
    pub fn expires_at(&self, last_used_at: Timestamp) -> Timestamp {
        self.ends_at.min(last_used_at.max(self.started_at).plus_seconds(self.idle_seconds))
    }
}

/// How often something was used, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub count: u64,
    pub last_used_at: Option<Timestamp>,
}

/// What is counted by its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Used {
    ApiKey(ApiKeyId),
    DashboardSession(u64),
    /// A user signs in.
    User(UserId),
}

/// Who asks, for which organization, and when. Made once at the edge of a request or command;
/// without one nothing of an organization can be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub role: Role,
    pub now: Timestamp,
    /// When the key that they came by ends, if it does.
    pub until: Option<Timestamp>,
}

/// The role is too weak for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

impl Actor {
    pub fn require(&self, role: Role) -> Result<(), Forbidden> {
        if self.role >= role { Ok(()) } else { Err(Forbidden) }
    }
}
