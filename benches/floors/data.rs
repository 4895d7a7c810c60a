//! The data that is measured on, and the messages that are sent. The data is made through the store's
//! own door, once, and kept under the target directory until the store's source or the format of what is
//! made here changes. It refuses to touch a database that it did not make.

use crate::dice::Dice;
use anyhow::{Context, bail, ensure};
use smslite::app::accounts::{FirstStart, bootstrap};
use smslite::model::address::Address;
use smslite::model::assistant::{Assistant, AssistantState};
use smslite::model::audit::{SignatureVerdict, Step};
use smslite::model::call::JsonText;
use smslite::model::ids::{AssistantId, OrganizationId, UserId};
use smslite::model::message_log::{Provider, RawPayload};
use smslite::model::time::Timestamp;
use smslite::store::{
    AssignNumber, CreateAssistant, DataDir, Location, RecordInbound, RecordInboundOutcome, Store,
};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(crate) const API_KEY: &str = "sl_live_benchmark_0000000000000000000000000000";
pub(crate) const TWILIO_TOKEN: &str = "a-token-of-the-benchmark";
pub(crate) const WEBHOOK_PATH: &str = "/webhooks/sms/twilio";
const OUR_NUMBER: &str = "+15551234567";
const ORGANIZATION: OrganizationId = OrganizationId(1);
/// Every fifth conversation has eight messages, the others one.
const LONG_EVERY: u64 = 5;
pub(crate) const LONG: u32 = 8;
/// So many conversations go on side by side.
const WINDOW: u64 = 2_000;
/// The sessions of the data outlive the data: ten years.
const TTL_SECONDS: u64 = 315_360_000;
const LOADING_CACHE: usize = 1 << 30;
/// How many commands wait for the same commit while the data is made.
const IN_FLIGHT: usize = 1024;
/// The messages before the benchmark came within this time.
const SPAN_MICROS: i64 = 20 * 3_600 * 1_000_000;
/// Carriers' retries are told by time: data of another two weeks would lie elsewhere.
const TWO_WEEKS_MICROS: i64 = 14 * 86_400 * 1_000_000;

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

/// A message's text: 70 characters, as an SMS may have.
fn text(number: u64) -> String {
    format!("Hello, this is number {number:010}. Could you please move my visit? Thanks")
}

pub(crate) fn message_sid(dice: &mut Dice) -> String {
    format!("SM{:016x}{:016x}", dice.roll(), dice.roll())
}

/// The form that Twilio posts for an inbound message.
pub(crate) fn form(sid: &str, from: &str, number: u64) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let text = text(number);
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
        ("Body", &text),
        ("FromCountry", "US"),
        ("To", OUR_NUMBER),
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

/// The directory that holds a database with so many conversations; made if it is not there.
pub(crate) fn prepared(target: &Path, conversations: u64) -> anyhow::Result<PathBuf> {
    let home = target.join("bench-data");
    let now = chrono::Utc::now().timestamp_micros();
    let name = format!("{conversations}-{:016x}-{}", source_digest()?, now / TWO_WEEKS_MICROS);
    let dir = home.join(&name);
    if dir.exists() {
        return Ok(dir);
    }
    fs::create_dir_all(&home)?;
    forget_older(&home, &format!("{conversations}-"))?;
    eprintln!("making {conversations} conversations in {}", dir.display());
    let unfinished = home.join(format!("{conversations}-unfinished"));
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let store = open_new(&unfinished, now)?;
    runtime.block_on(fill(&store, conversations, now))?;
    store.close();
    fs::rename(&unfinished, &dir)?;
    Ok(dir)
}

/// Made by another version of the store, or half made.
fn forget_older(home: &Path, prefix: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Of everything that decides how the data lies on disk.
fn source_digest() -> anyhow::Result<u64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["src/store", "src/model"] {
        for entry in fs::read_dir(root.join(dir))? {
            files.push(entry?.path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for path in files {
        fs::read(&path).with_context(|| path.display().to_string())?.hash(&mut hasher);
    }
    include_bytes!("data.rs").hash(&mut hasher);
    Ok(hasher.finish())
}

/// A database with the first organization, an assistant and its number.
fn open_new(dir: &Path, now: i64) -> anyhow::Result<Store> {
    let store = Store::open(Location::Directory(Arc::new(DataDir::take(dir)?)), LOADING_CACHE)?;
    let now = Timestamp(now - SPAN_MICROS);
    let first = FirstStart { api_key: Some(API_KEY.to_owned()), admin_email: None, password_chosen: false };
    ensure!(bootstrap(&store, now, &first)?.is_some(), "there is an organization already");
    let assistant = Assistant {
        user_id: UserId(1),
        name: "Support Bot".to_owned(),
        description: None,
        llm_provider: Some("openai".to_owned()),
        webhook_url: None,
        sms_webhook_url: None,
        messaging_service_sid: None,
        custom_settings: None,
        state: AssistantState::Active,
        created_at: now,
        updated_at: now,
        extra: JsonText::default(),
        forwards_from: 0,
        webhook_secrets: Vec::new(),
    };
    let assistant_id: AssistantId =
        store.execute_blocking(CreateAssistant { organization: ORGANIZATION, assistant })?;
    store.execute_blocking(AssignNumber {
        organization: ORGANIZATION,
        number: Address::parse(OUR_NUMBER)?,
        assistant_id,
        provider: Some(Provider::Twilio),
        friendly_name: None,
        now,
    })?;
    Ok(store)
}

/// Window by window, each in rounds of one message a conversation, so that the messages of a thread
/// do not lie together in the tables that are appended to.
async fn fill(store: &Store, conversations: u64, now: i64) -> anyhow::Result<()> {
    let messages = conversations + conversations.div_ceil(LONG_EVERY) * u64::from(LONG - 1);
    let step = SPAN_MICROS / i64::try_from(messages + 2)?;
    let (mut dice, mut number, mut running) = (Dice::new(1), 0, JoinSet::new());
    let mut next = |place: u64| {
        number += 1;
        let at = Timestamp(now - SPAN_MICROS + step * number);
        inbound(&message_sid(&mut dice), place, number.unsigned_abs(), at)
    };
    for first in (0..conversations).step_by(WINDOW as usize) {
        let window = first..(first + WINDOW).min(conversations);
        for round in 0..LONG {
            for place in window.clone().filter(|place| round == 0 || place % LONG_EVERY == 0) {
                if running.len() >= IN_FLIGHT {
                    stored(running.join_next().await.context("nothing runs")??)?;
                }
                let (store, command) = (store.clone(), next(place)?);
                running.spawn(async move { store.execute(command).await });
            }
            // A thread's next message comes after this one.
            while let Some(outcome) = running.join_next().await {
                stored(outcome?)?;
            }
        }
    }
    // The floor's rows are modelled on these: a start and a message that joins, one after the other.
    for _ in 0..2 {
        stored(store.execute(next(conversations)?).await)?;
    }
    Ok(())
}

fn stored<E: std::error::Error + Send + Sync + 'static>(
    outcome: Result<RecordInboundOutcome, E>,
) -> anyhow::Result<()> {
    match outcome? {
        RecordInboundOutcome::Stored { .. } => Ok(()),
        RecordInboundOutcome::Duplicate { .. } => bail!("two messages have the same id"),
    }
}

fn inbound(sid: &str, place: u64, number: u64, now: Timestamp) -> anyhow::Result<RecordInbound> {
    let from = customer(place);
    let body = form(sid, &from, number).into_bytes();
    Ok(RecordInbound {
        organization: ORGANIZATION,
        now,
        session_ttl_seconds: TTL_SECONDS,
        cached: None,
        provider: Provider::Twilio,
        provider_message_id: sid.to_owned(),
        provider_status: "received".to_owned(),
        from: Address::parse(&from)?,
        to: Address::parse(OUR_NUMBER)?,
        body: text(number),
        media_urls: Vec::new(),
        segment_count: 1,
        steps: vec![Step::WebhookReceived { provider: Provider::Twilio, signature: SignatureVerdict::Valid }],
        payload: RawPayload {
            received_at: now,
            method: "POST".to_owned(),
            path_and_query: WEBHOOK_PATH.to_owned(),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            body,
        },
        keyword: None,
        keyword_answered: true,
        reply: None,
        reply_uuid: [0; 16],
    })
}
