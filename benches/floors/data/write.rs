//! Makes the data: one thread makes rows up, the store's writer writes them.

use super::plan::{ASSISTANTS, DAY, Plan, SPAN, START};
use super::rows::{Maker, Rows};
use super::{API_KEY, Inbound, LARGE, Made, NEWCOMER, ORGANIZATION, OUR_NUMBER, TINY_API_KEY, address};
use crate::dice::Dice;
use anyhow::{Context, ensure};
use smslite::app::search_blocks;
use smslite::clock::Clock;
use smslite::config::Settings;
use smslite::model::account::{KeyHash, Organization, Role, User};
use smslite::model::address::Address;
use smslite::model::assistant::{Assistant, AssistantState};
use smslite::model::call::JsonText;
use smslite::model::ids::{AssistantId, OrganizationId, UserId};
use smslite::model::message_log::Provider;
use smslite::model::session::Closing;
use smslite::model::time::Timestamp;
use smslite::server;
use smslite::store::{
    AssignNumber, Bootstrap, Bootstrapped, CloseSessions, CreateAssistant, CreateOrganization, DataDir, Due,
    ForgetRows, Held, Location, NewApiKey, SessionsOf, Store,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

const CACHE: usize = 1 << 30;
/// How many rows' commands go in a commit.
const COMMIT: usize = 4_000;
/// Raw payloads are kept for so long, as a server is told that minds its disk.
const PAYLOADS_KEPT: i64 = 30 * DAY;
/// How many rows are deleted in a commit.
const FORGOTTEN: usize = 10_000;
/// How many sessions are ended in a commit.
const SWEPT: usize = 2_000;
/// What is read is drawn from so many.
const SAMPLE: usize = 10_000;
/// After all of it, so that nothing of the year is of the same two weeks.
const TAIL: i64 = START + 400 * DAY;

pub(super) fn make(dir: &Path, conversations: u64) -> anyhow::Result<Made> {
    fs::create_dir_all(dir)?;
    let location = Location::Directory(Arc::new(DataDir::take(dir)?));
    let settings = Settings { cache_bytes: CACHE, ..Settings::default() };
    let state = server::build(settings, location, Clock::System, "nobody-has-this-token")?;
    let store = &state.app.store;
    let (mut tiny, mut made) = (Vec::new(), None);
    for (at, (slug, key, conversations)) in [
        ("tiny", TINY_API_KEY, 10),
        (NEWCOMER, "sl_live_benchmark_newcomer_0000000000000000000", 0),
        ("small", "sl_live_benchmark_small_0000000000000000000000", (conversations / 1_000).max(20)),
        ("middle", "sl_live_benchmark_middle_000000000000000000000", (conversations / 100).max(20)),
        (LARGE, API_KEY, conversations),
    ]
    .into_iter()
    .enumerate()
    {
        let organization = found(store, slug, key)?;
        let (maker, plan) = fill(store, organization, conversations, at as u64)?;
        forget(store, organization, START + SPAN, TAIL)?;
        match slug {
            "tiny" => tiny = (1..=maker.calls).collect(),
            LARGE => made = Some((maker, plan)),
            _ => {}
        }
    }
    let (maker, plan) = made.context("the large one is among them")?;
    for (organization, _) in store.directory().organizations() {
        sweep(store, organization, TAIL)?;
    }
    tail(store, &maker, &plan)?;
    // A server would do it in its first minutes, beside what is measured.
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(search_blocks::seal(&state.app, false))?;
    store.clone().close();
    Ok(Made {
        conversations,
        existing: plan.existing,
        // One customer more wrote the tail.
        first_free: plan.first_free() + 1,
        some: sample((1..=maker.calls).collect()),
        long: sample(maker.long),
        thousand: maker.thousand,
        tiny,
        rows: BTreeMap::new(),
    })
}

fn sample(mut of: Vec<u64>) -> Vec<u64> {
    Dice::new(2).shuffle(&mut of);
    of.truncate(SAMPLE);
    of
}

/// An organization with its admin and key, its assistants and their numbers.
fn found(store: &Store, slug: &str, key: &str) -> anyhow::Result<OrganizationId> {
    let now = Timestamp(START - DAY);
    let new = Bootstrap {
        now,
        organization: Organization { slug: slug.to_owned(), name: slug.to_owned(), created_at: now },
        admin: User {
            email: format!("admin@{slug}.example"),
            first_name: None,
            last_name: None,
            role: Role::Admin,
            password: None,
            is_active: true,
            created_at: now,
            updated_at: now,
        },
        key: NewApiKey {
            name: "benchmark".to_owned(),
            key_prefix: key.chars().take(12).collect(),
            hash: KeyHash::of(key),
            role: Role::Admin,
            expires_at: None,
        },
    };
    let Bootstrapped::Made { organization, .. } = store.execute_blocking(CreateOrganization(new))? else {
        anyhow::bail!("there is an organization {slug} already");
    };
    ensure!((slug == LARGE) == (organization == ORGANIZATION), "the large organization has a known id");
    // What is imported brings its own.
    if slug == NEWCOMER {
        return Ok(organization);
    }
    for number in 1..=ASSISTANTS {
        assistant(store, organization, number, now)?;
    }
    Ok(organization)
}

fn number_of(organization: OrganizationId, assistant: u64) -> String {
    match (organization, assistant) {
        (ORGANIZATION, 1) => OUR_NUMBER.to_owned(),
        _ => format!("+1555{:03}{assistant:04}", 200 + organization.0),
    }
}

fn assistant(
    store: &Store,
    organization: OrganizationId,
    number: u64,
    now: Timestamp,
) -> anyhow::Result<AssistantId> {
    let names = ["Support Bot", "Front desk", "Billing", "Recalls", "Night line", "Sales", "Surveys", "Lab"];
    let assistant = Assistant {
        user_id: UserId(1),
        name: names[(number as usize - 1) % names.len()].to_owned(),
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
    let assistant_id = store.execute_blocking(CreateAssistant { organization, assistant })?;
    store.execute_blocking(AssignNumber {
        organization,
        number: Address::parse(&number_of(organization, number))?,
        assistant_id,
        provider: Some(Provider::Twilio),
        friendly_name: None,
        now,
    })?;
    Ok(assistant_id)
}

/// Writes the conversations of an organization.
fn fill(
    store: &Store,
    organization: OrganizationId,
    conversations: u64,
    seed: u64,
) -> anyhow::Result<(Maker, Plan)> {
    let numbers = (1..=ASSISTANTS).map(|number| Address::stored(number_of(organization, number)));
    let numbers = numbers.collect();
    let mut plan = Plan::new(conversations, 100 + seed);
    let dice = Dice::new(200 + seed);
    let mut maker = Maker { organization, numbers, dice, calls: 0, long: Vec::new(), thousand: 0 };
    let (ready, rows) = sync_channel(2);
    std::thread::scope(|scope| {
        let made = scope.spawn(move || {
            for window in 0..plan.windows() {
                let rows = maker.window(&mut plan, window);
                // Nobody takes them when the writing failed, which is what will be told.
                if ready.send((rows, plan.begins(window + 1))).is_err() {
                    break;
                }
            }
            (maker, plan)
        });
        for (at, (mut rows, end)) in rows.into_iter().enumerate() {
            while !rows.is_empty() {
                let later = rows.split_off(rows.len().min(COMMIT));
                store.execute_blocking(Rows(rows))?;
                rows = later;
            }
            forget(store, organization, end, end)?;
            sweep(store, organization, end)?;
            if at % 50 == 49 {
                eprintln!("  {} windows of {} conversations", at + 1, super::plan::WINDOW);
            }
        }
        made.join().map_err(|_| anyhow::anyhow!("making rows up panicked"))
    })
}

/// What a server deletes by the hour, or it would do so while something is measured.
fn forget(store: &Store, organization: OrganizationId, newest: i64, now: i64) -> anyhow::Result<()> {
    for (of, before) in [(Held::RawPayloads, newest - PAYLOADS_KEPT), (Held::KeptWebhooks, now)] {
        let (due, now) = (Due::Before(Timestamp(before)), Timestamp(now));
        loop {
            let snapshot = store.snapshot()?;
            let (keys, _) = snapshot.rows_to_forget(organization, of, (&due, now), None, FORGOTTEN)?;
            drop(snapshot);
            if keys.is_empty() {
                break;
            }
            store.execute_blocking(ForgetRows { organization, now, due: due.clone(), of, keys })?;
        }
    }
    Ok(())
}

/// What a server does by the minute, or it would do so while something is measured: sessions that are over end.
fn sweep(store: &Store, organization: OrganizationId, now: i64) -> anyhow::Result<()> {
    let (closing, now, mut from) = (Closing::Expired, Timestamp(now), None);
    loop {
        let snapshot = store.snapshot()?;
        let (calls, next) =
            snapshot.sessions_to_close(organization, &SessionsOf::Everyone, (closing, now), from, SWEPT)?;
        drop(snapshot);
        if !calls.is_empty() {
            store.execute_blocking(CloseSessions { organization, now, closing, calls })?;
        }
        let Some(next) = next else { return Ok(()) };
        from = Some(next);
    }
}

/// The floor's rows are modelled on these: a start and a message that joins, one after the other.
fn tail(store: &Store, maker: &Maker, plan: &Plan) -> anyhow::Result<()> {
    let mut dice = Dice::new(3);
    for number in 1..=2 {
        let message = Inbound {
            organization: maker.organization,
            now: Timestamp(TAIL + number),
            session_ttl_seconds: 315_360_000,
            cached: None,
            sid: super::message_sid(&mut dice),
            from: address(plan.first_free()),
            to: Address::parse(OUR_NUMBER)?,
            body: super::text(number.unsigned_abs()),
            segment_count: 1,
        };
        store.execute_blocking(super::inbound(message))?;
    }
    Ok(())
}
