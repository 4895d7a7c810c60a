//! The blocks of message logs: whatever comes, changes and goes, the list, its totals and its counts are those of a look
//! at every log, and blocks are begun, emptied and counted anew as they should.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, SALES, archive, at, claim, enqueue, forget_rows, furnish, message, purge,
    receipt, seconds, send, settle,
};
use super::checker::{Damage, Fixed, JUNK, damages, harmed, image_of, mendable, put, sound_image};
use super::concurrent::{Gate, Waiting, submit};
use super::damages::record;
use super::disk::{BLOCK_ROWS, CACHE, Chance, Disk, Loss};
use super::door::{Act, Door, StoreDoor, execute};
use super::script::script;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use smslite::model::address::AddressQuery;
use smslite::model::call::Direction;
use smslite::model::ids::{AssistantId, MessageLogId};
use smslite::model::message_log::{
    DeliveryStatus, LogCounts, LogFilter, LogKind, LogRow, LogView, MessageLog, Provider,
};
use smslite::model::outbound::AttemptOutcome;
use smslite::model::page::Page;
use smslite::model::search::{Scratch, Search};
use smslite::store::{Due, Held, ImportBatch, ImportRecord, Place, Snapshot, Store, repair_file};
use std::sync::Arc;

pub const LOG_BLOCKS: Fixed<12> = TableDefinition::new("log_blocks");

type Kinds = Vec<(u8, u32)>;
/// The value of a row, as the record has it: the counts by kind, when logs were created, the same counts of each assistant.
type Block = (Kinds, (i64, i64), Vec<(Option<u64>, Kinds)>);

/// The first organization's blocks: where each ends and how many logs it counts.
fn blocks(disk: &Disk) -> Vec<(u64, u32)> {
    let image = Disk::with(disk.image(Loss::None));
    let database = Database::builder().create_with_backend(image.handle()).unwrap();
    let table = database.begin_read().unwrap().open_table(LOG_BLOCKS).unwrap();
    let rows = table.iter().unwrap().map(Result::unwrap);
    let ours = rows.filter(|(key, _)| key.value().starts_with(&[0, 0, 0, 1]));
    ours.map(|(key, row)| {
        let (kinds, _, assistants): Block = postcard::from_bytes(&row.value()[1..]).unwrap();
        let count = |kinds: &Kinds| kinds.iter().map(|(_, count)| count).sum::<u32>();
        assert_eq!(count(&kinds), assistants.iter().map(|(_, kinds)| count(kinds)).sum::<u32>());
        (u64::from_be_bytes(*key.value().last_chunk().unwrap()), count(&kinds))
    })
    .collect()
}

/// What a check says of blocks. An import that gives a log the id of one that is gone takes over what told its duplicates.
fn told_of_blocks(store: &Store) -> Vec<String> {
    let told = store.snapshot().unwrap().check().unwrap();
    told.into_iter().filter(|told| told.contains("message logs is not")).collect()
}

/// Every log that anybody sees, asked for one by one, the newest first.
pub fn stored(snapshot: &Snapshot) -> Vec<(u64, MessageLog)> {
    let last = snapshot.sequences(ORG).unwrap().message_log;
    let log = |id| Some((id, snapshot.log(ORG, MessageLogId(id)).unwrap()?.0));
    (1..=last).rev().filter_map(log).collect()
}

fn kind(log: &MessageLog) -> LogKind {
    LogKind { direction: log.direction, status: log.status, provider: log.provider }
}

fn matches(filter: &LogFilter, log: &MessageLog) -> bool {
    let row = LogRow {
        call_id: log.call_id,
        assistant_id: log.assistant_id,
        provider: log.provider,
        direction: log.direction,
        from: log.from.as_bytes(),
        to: log.to.as_bytes(),
        body: log.body.as_bytes(),
        status: log.status,
        created_at: log.created_at,
    };
    filter.matches(&row, &mut Scratch::default())
}

/// A page, its total and the counts are those of these logs.
pub fn compare(snapshot: &Snapshot, logs: &[(u64, MessageLog)], filter: &LogFilter, page: Page, most: u64) {
    let matching: Vec<_> = logs.iter().filter(|(_, log)| matches(filter, log)).collect();
    let skip = usize::try_from(page.skip).unwrap();
    let wanted: Vec<u64> = matching.iter().skip(skip).take(page.limit).map(|(id, _)| *id).collect();
    let mut found = Vec::new();
    let visit = |id: MessageLogId, view: &LogView<'_>| {
        assert!(logs.iter().any(|(known, log)| *known == id.0 && log.view() == *view), "{id}");
        found.push(id.0);
    };
    let total = snapshot.list_logs_within(ORG, filter, page, most, visit).unwrap();
    match total {
        None => assert!(found.is_empty() && most < u64::MAX, "{filter:?}, {page:?}"),
        Some(total) => {
            assert_eq!((total, found), (matching.len() as u64, wanted), "{filter:?}, {page:?}, {most}");
        }
    }
    let counted = snapshot.count_logs(ORG, filter).unwrap().by(|kind| kind);
    let mut kinds = LogCounts::default();
    matching.iter().for_each(|(_, log)| kinds.add(kind(log), 1));
    assert_eq!(counted, kinds.by(|kind| kind), "{filter:?}");
    compare_periods(snapshot, logs, page.skip as usize);
}

/// The counts between some times are those of these logs; `beside` chooses the times.
fn compare_periods(snapshot: &Snapshot, logs: &[(u64, MessageLog)], beside: usize) {
    let mut bounds: Vec<_> = logs.iter().map(|(_, log)| log.created_at).collect();
    bounds.sort();
    bounds = bounds.into_iter().skip(beside % 3).step_by(1 + logs.len() / 5).collect();
    bounds.dedup();
    let counted = snapshot.count_logs_between(ORG, &bounds).unwrap();
    assert_eq!(counted.len(), bounds.len().saturating_sub(1));
    for (period, counted) in bounds.windows(2).zip(counted) {
        let mut kinds = LogCounts::default();
        let is_in = |log: &MessageLog| period[0] <= log.created_at && log.created_at < period[1];
        logs.iter().filter(|(_, log)| is_in(log)).for_each(|(_, log)| kinds.add(kind(log), 1));
        assert_eq!(counted.by(|kind| kind), kinds.by(|kind| kind), "{period:?} of {bounds:?}");
    }
}

fn any_filter(chance: &mut Chance, micros: i64) -> LogFilter {
    let mut one_in = |of: u64| chance.next().is_multiple_of(of);
    let given = [5, 4, 4, 8, 8, 3, 4, 4, 9].map(&mut one_in);
    let mut pick = |of: usize| (chance.next() % of as u64) as usize;
    let (provider, direction, status) =
        (Provider::ALL[pick(4)], Direction::ALL[pick(2)], DeliveryStatus::ALL[pick(7)]);
    let addresses = [ANN, BOB, DESK, "555", "700"];
    let mut address = || AddressQuery::parse(addresses[pick(5)]);
    let (from, to) = (address(), address());
    let assistant = AssistantId(1 + chance.next() % 3);
    let mut time = || at(micros - (chance.next() % (2 * micros.unsigned_abs() + 1)) as i64);
    let (created_from, created_to) = (time(), time());
    let search = Search::new(["SM1", "ARE", "nothing"][(chance.next() % 3) as usize]);
    LogFilter {
        provider: Some(provider).filter(|_| given[0]),
        direction: Some(direction).filter(|_| given[1]),
        status: Some(status).filter(|_| given[2]),
        from: from.filter(|_| given[3]),
        to: to.filter(|_| given[4]),
        assistant_id: Some(assistant).filter(|_| given[5]),
        created_from: Some(created_from).filter(|_| given[6]),
        created_to: Some(created_to).filter(|_| given[7]),
        search: Some(search).filter(|_| given[8]),
    }
}

fn compare_some(store: &Store, chance: &mut Chance, micros: i64, filters: usize) {
    let snapshot = store.snapshot().unwrap();
    let logs = stored(&snapshot);
    for _ in 0..filters {
        let filter = any_filter(chance, micros);
        let skip = chance.next() % (logs.len() as u64 + 2);
        let skip = [0, skip, skip / 4][(chance.next() % 3) as usize];
        let limit = [0, 1, 3, 50, usize::MAX][(chance.next() % 5) as usize];
        let most = [u64::MAX, chance.next() % 200][(chance.next() % 2) as usize];
        compare(&snapshot, &logs, &filter, Page { skip, limit }, most);
    }
}

/// A log with this id, as an import brings it.
fn import(id: u64, chance: &mut Chance, micros: i64) -> Act {
    let mut pick = |of: usize| (chance.next() % of as u64) as usize;
    let (status, sid) = (DeliveryStatus::ALL[pick(7)], pick(1_000_000));
    let direction = if status == DeliveryStatus::Received { "inbound" } else { "outbound" };
    let (assistant, created_at) = ([None, Some(1), Some(2)][pick(3)], at(micros - pick(1_000_000) as i64));
    let line = serde_json::json!({
        "type": "message_log", "id": id, "provider": Provider::ALL[pick(4)], "provider_message_id": format!("there{sid}"),
        "direction": direction, "from_number": ANN, "to_number": NOBODYS, "body": "from elsewhere", "status": status,
        "assistant_id": assistant, "created_at": created_at.to_string(),
    });
    let line = smslite::model::transfer::parse(&line.to_string()).unwrap();
    let records = Arc::new(vec![ImportRecord { line_number: 1, line, place: Place::None }]);
    Act::Import(ImportBatch {
        organization: ORG,
        now: at(micros),
        session_ttl_seconds: 60,
        bare: false,
        records,
    })
}

fn erase(id: u64) -> Act {
    let late = at(seconds(99_999));
    forget_rows(ORG, Held::Logs, id..=id, Due::Before(late), late)
}

/// What happens to logs, by chance: they come, are imported with ids before and after those that are there, change their
/// status, and go alone, with their conversation or in steps.
struct Life {
    chance: Chance,
    sids: u64,
    jobs: u8,
    micros: i64,
}

impl Life {
    fn new(seed: u64) -> Life {
        Life { chance: Chance(seed), sids: 0, jobs: 0, micros: 1 }
    }

    fn step(&mut self, most_id: u64) -> Vec<Act> {
        let chance = &mut self.chance;
        // The clock is set back, too.
        self.micros += seconds((chance.next() % 10) as i64) - seconds(2);
        let now = at(self.micros);
        let customer = format!("+1555000000{}", chance.next() % 8);
        let job = 1 + (chance.next() % 250) as u8;
        let sent = format!("out{job}");
        match chance.next() % 13 {
            0..=4 => {
                self.sids += 1;
                let to = [DESK, SALES, NOBODYS][(chance.next() % 3) as usize];
                vec![Act::Inbound(message(&format!("SM{}", self.sids), &customer, to, now))]
            }
            5 if self.jobs < 250 => {
                self.jobs += 1;
                vec![enqueue(self.jobs, &customer, None, now)]
            }
            5 | 6 => {
                let outcome =
                    AttemptOutcome::Accepted { provider_message_id: sent, receipts_from: at(i64::MAX / 4) };
                vec![claim(job, 1, now), settle(job, 1, outcome, now)]
            }
            7 => {
                vec![receipt(&sent, None, ["sent", "delivered", "failed"][(chance.next() % 3) as usize], now)]
            }
            8 | 9 => vec![import(1 + chance.next() % most_id, chance, self.micros)],
            10 => vec![erase(1 + chance.next() % most_id)],
            11 => vec![archive(1 + chance.next() % 20, now, (chance.next() % 3) as usize)],
            _ => vec![purge(1 + chance.next() % 20, (chance.next() % 3) as usize)],
        }
    }
}

#[test]
fn lists_totals_and_counts_are_those_of_a_look_at_every_log() {
    let (disk, mut life) = (Disk::default(), Life::new(11));
    let same = disk.clone();
    furnish(&mut StoreDoor::new("a disk", move || same.open().unwrap()));
    let store = disk.open().unwrap();
    for nth in 0..600 {
        for act in life.step(if nth < 300 { 200 } else { 600 }) {
            execute(&store, &act).unwrap();
        }
        if nth % 20 == 19 {
            assert_eq!(told_of_blocks(&store), Vec::<String>::new());
            compare_some(&store, &mut life.chance, life.micros, 60);
        }
    }
    assert!(blocks(&disk).len() > 50, "{:?}", blocks(&disk));
    let first = |store: &Store| store.snapshot().unwrap().pending_purges().unwrap().first().copied();
    while let Some((_, call)) = first(&store) {
        execute(&store, &purge(call.0, 7)).unwrap();
        compare_some(&store, &mut life.chance, life.micros, 20);
    }
    compare_some(&store, &mut life.chance, life.micros, 1_500);
    let filter = LogFilter { created_from: Some(at(0)), ..LogFilter::default() };
    let snapshot = store.snapshot().unwrap();
    compare(&snapshot, &stored(&snapshot), &filter, Page { skip: u64::MAX, limit: usize::MAX }, u64::MAX);
    drop(snapshot);
    store.close();
}

#[test]
fn blocks_of_another_size_are_gone_on_with() {
    let (disk, mut life) = (Disk::default(), Life::new(5));
    let same = disk.clone();
    furnish(&mut StoreDoor::new("a disk", move || same.open().unwrap()));
    for size in [4, 16, 3, 100, 1, 4] {
        let store = Store::open_with(disk.location(), CACHE, size).unwrap();
        for _ in 0..60 {
            life.step(250).iter().for_each(|act| drop(execute(&store, act).unwrap()));
        }
        assert_eq!(told_of_blocks(&store), Vec::<String>::new(), "{size}");
        compare_some(&store, &mut life.chance, life.micros, 150);
        store.close();
    }
}

/// Every command that there is.
#[test]
fn blocks_are_true_after_each_act_of_the_script() {
    let (disk, mut chance) = (Disk::default(), Chance(3));
    let store = disk.open().unwrap();
    for act in script() {
        execute(&store, &act).unwrap();
        assert_eq!(told_of_blocks(&store), Vec::<String>::new(), "{act:?}");
        compare_some(&store, &mut chance, seconds(900), 4);
    }
    store.close();
}

struct Both {
    disk: Disk,
    door: StoreDoor,
}

impl Both {
    fn new() -> Both {
        let disk = Disk::default();
        let same = disk.clone();
        let mut door = StoreDoor::new("a disk", move || same.open().unwrap());
        furnish(&mut door);
        Both { disk, door }
    }

    fn says(&mut self, sid: u64) {
        send(&mut self.door, message(&format!("SM{sid}"), ANN, DESK, at(sid as i64)));
    }

    fn is_sound(&self) {
        assert_eq!(told_of_blocks(self.door.store()), Vec::<String>::new());
    }
}

#[test]
fn a_block_is_of_a_range_of_ids_and_vanishes_with_its_last_log() {
    let mut both = Both::new();
    (1..=9).for_each(|sid| both.says(sid));
    assert_eq!(blocks(&both.disk), [(3, 3), (7, 4), (11, 2)]);
    for (id, wanted) in [
        (5, vec![(3, 3), (7, 3), (11, 2)]),
        (4, vec![(3, 3), (7, 2), (11, 2)]),
        (6, vec![(3, 3), (7, 1), (11, 2)]),
        (7, vec![(3, 3), (11, 2)]),
        (8, vec![(3, 3), (11, 1)]),
        (9, vec![(3, 3)]),
    ] {
        both.door.act(&erase(id));
        assert_eq!(blocks(&both.disk), wanted, "{id}");
        both.is_sound();
    }
    // Before, between and after those that are there.
    let mut chance = Chance(1);
    for (id, wanted) in [
        (21, vec![(3, 3), (23, 1)]),
        (14, vec![(3, 3), (15, 1), (23, 1)]),
        (20, vec![(3, 3), (15, 1), (23, 2)]),
        (17, vec![(3, 3), (15, 1), (19, 1), (23, 2)]),
    ] {
        both.door.act(&import(id, &mut chance, 5));
        assert_eq!(blocks(&both.disk), wanted, "{id}");
        both.is_sound();
    }
    both.says(10);
    assert_eq!(blocks(&both.disk), [(3, 3), (15, 1), (19, 1), (23, 3)]);
}

#[test]
fn what_comes_and_goes_in_one_commit_is_counted_once() {
    let mut both = Both::new();
    both.says(1);
    let gate = Gate::default();
    let held = gate.hold(both.door.store());
    let told = |sid: u64| message(&format!("SM{sid}"), BOB, DESK, at(sid as i64));
    let some: Vec<_> = (2..30).map(|sid| submit(both.door.store(), told(sid))).collect();
    let Act::ForgetRows(goes) = erase(14) else { unreachable!() };
    let gone = submit(both.door.store(), goes);
    let Act::Import(comes) = import(40, &mut Chance(1), 5) else { unreachable!() };
    let comes = submit(both.door.store(), comes);
    let Act::Import(between) = import(34, &mut Chance(2), 5) else { unreachable!() };
    let between = submit(both.door.store(), between);
    gate.open();
    held.answer().unwrap();
    some.into_iter().map(Waiting::answer).for_each(|answer| drop(answer.unwrap()));
    assert_eq!(gone.answer().unwrap().message_logs, 1);
    assert_eq!((comes.answer().unwrap().stored, between.answer().unwrap().stored), (1, 1));
    both.is_sound();
    let wanted = [(3, 3), (7, 4), (11, 4), (15, 3), (19, 4), (23, 4), (27, 4), (31, 2), (35, 1), (43, 1)];
    assert_eq!(blocks(&both.disk), wanted);
    compare_some(both.door.store(), &mut Chance(4), 30, 200);
}

#[test]
fn a_page_that_takes_too_long_says_so_before_it_shows_anything() {
    let mut both = Both::new();
    (1..=100).for_each(|sid| both.says(sid));
    let snapshot = both.door.store().snapshot().unwrap();
    let within = |filter: &LogFilter, skip, most| {
        let (mut ids, page) = (Vec::new(), Page { skip, limit: 3 });
        let visit = |id: MessageLogId, _: &LogView<'_>| ids.push(id.0);
        let total = snapshot.list_logs_within(ORG, filter, page, most, visit).unwrap();
        assert!(total.is_some() || ids.is_empty());
        total.map(|total| (total, ids))
    };
    let blocks = 100 / u64::from(BLOCK_ROWS) + 1;
    let all = LogFilter::default();
    let assistant = LogFilter { assistant_id: Some(AssistantId(1)), ..LogFilter::default() };
    for skip in 0..98 {
        let wanted = Some((100, vec![100 - skip, 99 - skip, 98 - skip]));
        for filter in [&all, &assistant] {
            // The page lies in two blocks.
            assert_eq!(within(filter, skip, blocks + 2 * u64::from(BLOCK_ROWS)), wanted);
        }
    }
    assert_eq!((within(&all, 50, 8), within(&assistant, 0, blocks - 1)), (None, None));
    let dated = LogFilter { created_from: Some(at(42)), created_to: Some(at(90)), ..LogFilter::default() };
    // The blocks, those at both ends, and the page.
    assert_eq!(within(&dated, 20, blocks + 4 * u64::from(BLOCK_ROWS)), Some((49, vec![70, 69, 68])));
    let from = LogFilter { from: AddressQuery::parse("987"), ..LogFilter::default() };
    assert_eq!((within(&from, 0, 99), within(&from, 0, 200)), (None, Some((100, vec![100, 99, 98]))));
    let search = LogFilter { search: Some(Search::new("this")), ..LogFilter::default() };
    assert_eq!(within(&search, 0, 100_000), None);
}

#[test]
fn a_block_that_cannot_be_read_hides_nothing_and_is_counted_anew_when_it_is_touched() {
    let acts = script();
    let disk = harmed(&image_of(&acts), &|txn| {
        let mut table = txn.open_table(LOG_BLOCKS).unwrap();
        let keys: Vec<[u8; 12]> = table.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
        keys.iter().for_each(|key| drop(table.insert(key, JUNK).unwrap()));
    });
    let (store, mut chance) = (disk.open().unwrap(), Chance(9));
    compare_some(&store, &mut chance, seconds(900), 300);
    let is_told = |store: &Store| store.snapshot().unwrap().check().unwrap().len();
    let before = is_told(&store);
    assert!(before > 2);
    let last = store.snapshot().unwrap().sequences(ORG).unwrap().message_log;
    let late = seconds(5_000);
    for sid in 0..2 {
        let told = Act::Inbound(message(&format!("SMnew{sid}"), ANN, DESK, at(late)));
        execute(&store, &told).unwrap();
    }
    (1..=last).rev().take(9).for_each(|id| drop(execute(&store, &erase(id)).unwrap()));
    assert!(is_told(&store) < before);
    compare_some(&store, &mut chance, late, 300);
    store.close();
}

/// Changes a block that stays readable: the first one.
fn change_block(t: &WriteTransaction, change: impl FnOnce(&mut Block)) {
    let (key, mut block) = {
        let table = t.open_table(LOG_BLOCKS).unwrap();
        let (key, row) = table.first().unwrap().unwrap();
        (*key.value(), postcard::from_bytes(&row.value()[1..]).unwrap())
    };
    change(&mut block);
    put(t, LOG_BLOCKS, key, &record(&block));
}

fn first_key(t: &WriteTransaction) -> [u8; 12] {
    *t.open_table(LOG_BLOCKS).unwrap().first().unwrap().unwrap().0.value()
}

pub fn damages_of_log_blocks() -> Vec<Damage> {
    let told = "message logs is not what they are";
    let none = "a block of 0 message logs is not what they are";
    vec![
        mendable("a block of logs is gone", told, |t| {
            drop(t.open_table(LOG_BLOCKS).unwrap().pop_first().unwrap())
        }),
        mendable("the last block of logs is gone", none, |t| {
            drop(t.open_table(LOG_BLOCKS).unwrap().pop_last().unwrap())
        }),
        mendable("all blocks of logs are gone", none, |t| {
            t.open_table(LOG_BLOCKS).unwrap().retain(|_, _| false).unwrap();
        }),
        mendable("a block of logs is unreadable", none, |t| put(t, LOG_BLOCKS, first_key(t), JUNK)),
        mendable("a block of logs has none", none, |t| {
            let mut other = first_key(t);
            (other[3], other[11]) = (7, 7);
            put(t, LOG_BLOCKS, other, &record(&Block::default()));
        }),
        mendable("a block of logs lies beside its logs", told, |t| {
            let key = first_key(t);
            let mut other = key;
            other[10] = 9;
            super::checker::copy(t, LOG_BLOCKS, key, other);
        }),
        mendable("a block of logs counts one more", told, |t| {
            change_block(t, |(kinds, _, assistants)| {
                kinds[0].1 += 1;
                assistants[0].1[0].1 += 1;
            })
        }),
        mendable("a block of logs knows another kind", told, |t| {
            change_block(t, |(kinds, _, _)| kinds[0].0 += 1)
        }),
        mendable("a block of logs knows another assistant", told, |t| {
            change_block(t, |(_, _, assistants)| assistants.last_mut().unwrap().0 = Some(77))
        }),
        mendable("a block of logs begins too late", told, |t| {
            change_block(t, |(_, created, _)| created.0 += 1)
        }),
        mendable("a block of logs ends too early", told, |t| {
            change_block(t, |(_, created, _)| created.1 -= 1)
        }),
    ]
}

#[test]
fn lists_of_a_mended_file_are_those_of_its_logs() {
    let (image, mut chance) = (sound_image(), Chance(2));
    for damage in damages().into_iter().filter(|damage| damage.told.contains("message logs is not")) {
        let disk = harmed(&image, &*damage.harm);
        let report = repair_file(&disk.location(), CACHE, Arc::new(|_| ()), &|_, _| ()).unwrap();
        assert!(report.mends > 0 && report.left.found == 0, "{}: {report:?}", damage.name);
        let store = disk.open().unwrap();
        compare_some(&store, &mut chance, seconds(900), 100);
        // And goes on.
        for sid in 0..6 {
            execute(
                &store,
                &Act::Inbound(message(&format!("SMnew{sid}"), ANN, DESK, at(seconds(900 + sid)))),
            )
            .unwrap();
        }
        assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new(), "{}", damage.name);
        store.close();
    }
}
