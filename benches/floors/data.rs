//! The data that is measured on. It is made by the commands of live traffic, many in a commit, and is the
//! same every time for the same size. It is kept under the target directory until [`VERSION`], the format
//! on disk or the tables of the store change; whoever changes what a record holds and nothing of these
//! removes `target/bench-data`.

mod plan;
mod rows;
mod texts;
mod write;

pub(crate) use plan::{LONG, THOUSAND};

use crate::dice::Dice;
use crate::floor_redb::count_rows;
use anyhow::Context;
use redb::{Database, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};
use smslite::model::address::Address;
use smslite::model::audit::{SignatureVerdict, Step};
use smslite::model::ids::{CallId, OrganizationId};
use smslite::model::message_log::{Provider, RawPayload};
use smslite::model::time::Timestamp;
use smslite::store::{DataDir, Location, RecordInbound, Store};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of what is made here.
const VERSION: u32 = 2;
pub(crate) const FILE: &str = "smslite.redb";
const MADE: &str = "made.json";
pub(crate) const API_KEY: &str = "sl_live_benchmark_0000000000000000000000000000";
/// Of the organization with ten conversations.
pub(crate) const TINY_API_KEY: &str = "sl_live_benchmark_tiny_00000000000000000000000";
pub(crate) const TWILIO_TOKEN: &str = "a-token-of-the-benchmark";
pub(crate) const WEBHOOK_PATH: &str = "/webhooks/sms/twilio";
pub(crate) const OUR_NUMBER: &str = "+15551234567";
/// The large one is the last: what it has stands at the end of every table.
pub(crate) const ORGANIZATION: OrganizationId = OrganizationId(5);
/// The one with nothing in it, for imports.
pub(crate) const NEWCOMER: &str = "newcomer";
pub(crate) const LARGE: &str = "large";

/// Data with what is known of it.
pub(crate) struct Data {
    pub dir: PathBuf,
    pub made: Made,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Made {
    /// Of the large organization.
    pub conversations: u64,
    /// The customers from 0 up to this have a session that lives.
    pub existing: u64,
    /// From here on no customer was heard of.
    pub first_free: u64,
    /// Conversations all over the data; such with messages to the number of [`LONG`]; the one with
    /// [`THOUSAND`]. Then those of the organization with ten.
    pub some: Vec<u64>,
    pub long: Vec<u64>,
    pub thousand: u64,
    pub tiny: Vec<u64>,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
}

/// The data with so many conversations; made if it is not there.
pub(crate) fn prepared(target: &Path, conversations: u64) -> anyhow::Result<Data> {
    let home = target.join("bench-data");
    fs::create_dir_all(&home)?;
    let dir = home.join(format!("{conversations}-v{VERSION}-{}", layout()?));
    if !dir.exists() {
        forget_older(&home, &format!("{conversations}-"))?;
        eprintln!("making {conversations} conversations in {}", dir.display());
        let unfinished = home.join(format!("{conversations}-unfinished"));
        let mut made = write::make(&unfinished, conversations)?;
        // Whoever opens the file changes it a little: this is the last time.
        made.rows = count_rows(&unfinished.join(FILE))?;
        fs::write(unfinished.join(MADE), serde_json::to_vec(&made)?)?;
        fs::rename(&unfinished, &dir)?;
    }
    let made = fs::read(dir.join(MADE)).with_context(|| dir.display().to_string())?;
    Ok(Data { made: serde_json::from_slice(&made)?, dir })
}

/// Made by another version, or half made.
fn forget_older(home: &Path, prefix: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The format on disk, and a print of the tables that there are: of an empty database.
fn layout() -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    let location = Location::Directory(Arc::new(DataDir::take(dir.path())?));
    Store::open(location, 1 << 20)?.close();
    let file = dir.path().join(FILE);
    let mut print = DefaultHasher::new();
    count_rows(&file)?.into_keys().for_each(|table| table.hash(&mut print));
    let database = Database::open(&file)?;
    let txn = database.begin_read()?;
    let meta = txn.open_table(TableDefinition::<&str, &[u8]>::new("meta"))?;
    let format = meta.get("format")?.context("the database has a format")?;
    let format = format.value().iter().fold(0, |format, byte| format << 8 | u64::from(*byte));
    Ok(format!("f{format}-{:08x}", print.finish() as u32))
}

/// Who a message comes from: one of the data's customers, or one who never wrote before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    Existing(u64),
    New(u64),
}

/// Four in five messages come from customers of the data, one in five from a new one.
pub(crate) fn sender(dice: &mut Dice, existing: u64, next_new: &mut u64) -> Sender {
    if dice.below(5) > 0 {
        return Sender::Existing(dice.below(existing));
    }
    *next_new += 1;
    Sender::New(*next_new - 1)
}

/// The number of the customer at a place; places far apart in order, so that their rows are too.
pub(crate) fn customer(place: u64) -> String {
    const NUMBERS: u64 = 8_000_000_000;
    format!("+1{:010}", 2_000_000_000 + place * 2_654_435_761 % NUMBERS)
}

fn address(place: u64) -> Address {
    Address::stored(customer(place))
}

pub(crate) fn message_sid(dice: &mut Dice) -> String {
    format!("SM{:016x}{:016x}", dice.roll(), dice.roll())
}

/// The text of a message that is sent while something is measured: 70 characters.
pub(crate) fn text(number: u64) -> String {
    format!("Hello, this is number {number:010}. Could you please move my visit? Thanks")
}

/// The form that Twilio posts for an inbound message.
pub(crate) fn form(sid: &str, from: &str, to: &str, text: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("ToCountry", "US"),
        ("ToState", "CA"),
        ("SmsMessageSid", sid),
        ("NumMedia", "0"),
        ("ToCity", ""),
        ("FromZip", "94103"),
        ("SmsSid", sid),
        ("FromState", "CA"),
        ("SmsStatus", "received"),
        ("FromCity", "SAN FRANCISCO"),
        ("Body", text),
        ("FromCountry", "US"),
        ("To", to),
        ("ToZip", ""),
        ("NumSegments", "1"),
        ("MessageSid", sid),
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("From", from),
        ("ApiVersion", "2010-04-01"),
    ] {
        form.append_pair(name, value);
    }
    form.finish()
}

/// One inbound message of the data.
struct Inbound {
    organization: OrganizationId,
    now: Timestamp,
    session_ttl_seconds: u64,
    cached: Option<CallId>,
    sid: String,
    from: Address,
    to: Address,
    body: String,
    segment_count: u32,
}

/// As the webhook's handler records it.
fn inbound(of: Inbound) -> RecordInbound {
    let form = form(&of.sid, of.from.as_str(), of.to.as_str(), &of.body).into_bytes();
    RecordInbound {
        organization: of.organization,
        now: of.now,
        session_ttl_seconds: of.session_ttl_seconds,
        cached: of.cached,
        provider: Provider::Twilio,
        provider_message_id: of.sid,
        provider_status: "received".to_owned(),
        from: of.from,
        to: of.to,
        body: of.body,
        media_urls: Vec::new(),
        segment_count: of.segment_count,
        steps: vec![Step::WebhookReceived { provider: Provider::Twilio, signature: SignatureVerdict::Valid }],
        payload: RawPayload {
            received_at: of.now,
            method: "POST".to_owned(),
            path_and_query: WEBHOOK_PATH.to_owned(),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            body: form,
        },
        keyword: None,
        keyword_answered: true,
        reply: None,
        reply_uuid: [0; 16],
    }
}
