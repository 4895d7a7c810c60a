//! The blocks of the conversation list: however rows come, move and go, pages at any depth are those of the model, and
//! blocks are cut, emptied and taken up as they should.

use super::acts::{
    ANN, BOB, DESK, ORG, SALES, archive, at, close, furnish, message, seconds, send, with_ttl,
};
use super::checker::{ACTIVITY_BLOCKS, JUNK, harmed, image_of};
use super::concurrent::{Gate, Waiting, submit};
use super::contract::EVERYTHING;
use super::disk::{BLOCK_ROWS, Chance, Disk, Loss};
use super::door::{Act, Door, Reads, StoreDoor, execute};
use super::model_store::Model;
use super::script::script;
use redb::{Database, ReadableDatabase, ReadableTable};
use smslite::model::address::AddressQuery;
use smslite::model::call::{ConversationFilter, ConversationStatus};
use smslite::model::ids::AssistantId;
use smslite::model::page::Page;
use smslite::model::session::Closing;
use smslite::model::time::Timestamp;
use smslite::store::SessionsOf;

/// The value of a row, as the record has it: open and ended rows, when open ones expire, when rows started, the counts
/// of each assistant.
pub type Block = ((u32, u32), (i64, i64), (i64, i64), Vec<(u64, (u32, u32))>);

/// The first organization's blocks, the newest first: where each ends and what it says.
fn blocks(disk: &Disk) -> Vec<([u8; 20], Block)> {
    let image = Disk::with(disk.image(Loss::None));
    let database = Database::builder().create_with_backend(image.handle()).unwrap();
    let table = database.begin_read().unwrap().open_table(ACTIVITY_BLOCKS).unwrap();
    let rows = table.iter().unwrap().map(Result::unwrap);
    let ours = rows.filter(|(key, _)| key.value().starts_with(&[0, 0, 0, 1]));
    ours.map(|(key, row)| (*key.value(), postcard::from_bytes(&row.value()[1..]).unwrap())).collect()
}

fn sizes(disk: &Disk) -> Vec<u32> {
    blocks(disk).iter().map(|(_, ((open, ended), ..))| open + ended).collect()
}

fn customer(place: u64) -> String {
    format!("+1555{:07}", place * 7_919 % 10_000_000)
}

struct Both {
    disk: Disk,
    door: StoreDoor,
    model: Model,
}

impl Both {
    fn new() -> Both {
        let disk = Disk::default();
        let (same, mut model) = (disk.clone(), Model::default());
        let mut door = StoreDoor::new("a disk", move || same.open().unwrap());
        furnish(&mut door);
        furnish(&mut model);
        Both { disk, door, model }
    }

    fn act(&mut self, act: &Act) {
        assert_eq!(self.door.act(act), self.model.act(act), "{act:?}");
    }

    /// A message of the customer at this place.
    fn says(&mut self, sid: usize, place: u64, to: &str, micros: i64, ttl: u64) {
        let told = message(&format!("SM{sid}"), &customer(place), to, at(micros));
        self.act(&Act::Inbound(with_ttl(told, ttl)));
    }

    fn compare(&self, filter: &ConversationFilter, page: Page, now: Timestamp) {
        let (found, wanted) =
            (self.door.list(ORG, filter, page, now), self.model.list(ORG, filter, page, now));
        assert_eq!(found, wanted, "{filter:?}, {page:?}, at {now}");
    }

    fn compare_count(&self, filter: &ConversationFilter, now: Timestamp) {
        let counted = self.door.store().snapshot().unwrap().count_conversations(ORG, filter, now).unwrap();
        let wanted = self.model.list(ORG, filter, EVERYTHING, now).len() as u64;
        assert_eq!(counted, wanted, "{filter:?}, at {now}");
    }

    fn is_sound(&self) {
        assert_eq!(self.door.store().snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    }
}

fn any_filter(chance: &mut Chance, around: i64, span: i64) -> ConversationFilter {
    let mut one_in = |of: u64| chance.next().is_multiple_of(of);
    let (by_status, by_assistant, by_customer) = (one_in(3), one_in(3), one_in(4));
    let (by_from, by_to) = (one_in(3), one_in(3));
    let mut time = || Some(at(around - (chance.next() % span.unsigned_abs()) as i64));
    let (started_from, started_to) = (time().filter(|_| by_from), time().filter(|_| by_to));
    let status = [ConversationStatus::Active, ConversationStatus::Completed][(chance.next() % 2) as usize];
    let customers = ["555", "7919", "910", "+155500", ANN];
    let customer = AddressQuery::parse(customers[(chance.next() % 5) as usize]);
    ConversationFilter {
        status: by_status.then_some(status),
        assistant_id: by_assistant.then_some(AssistantId(1 + chance.next() % 3)),
        customer: customer.filter(|_| by_customer),
        started_from,
        started_to,
    }
}

/// Some hundred conversations in blocks of a few rows: enough for several threads to look through.
#[test]
fn pages_at_any_depth_are_those_of_the_whole_list_whatever_is_asked() {
    let (mut both, mut chance, mut micros) = (Both::new(), Chance(11), 0);
    for sid in 0..900 {
        // The clock is set back, too.
        micros += seconds((chance.next() % 10) as i64) - seconds(2);
        let ttl = [50, 500, 2_000][(chance.next() % 3) as usize];
        let to = [DESK, DESK, SALES][(chance.next() % 3) as usize];
        both.says(sid, chance.next() % 300, to, micros, ttl);
        if chance.next() % 20 == 0 {
            both.act(&archive(1 + chance.next() % 300, at(micros), 100));
        }
        if sid % 300 == 299 {
            let ended: Vec<u64> =
                both.model.closable(ORG, Closing::Expired, at(micros)).iter().map(|id| id.0).collect();
            both.act(&close(Closing::Expired, &ended[..ended.len() / 2], at(micros)));
        }
    }
    both.is_sound();
    assert!(sizes(&both.disk).len() > 50, "{:?}", sizes(&both.disk));
    for _ in 0..1_500 {
        let filter = any_filter(&mut chance, micros, seconds(4_000));
        let skip = chance.next() % 420;
        let limit = [1, 2, 5, 50, 1_000][(chance.next() % 5) as usize];
        let now = at(micros - seconds((chance.next() % 1_000) as i64) + seconds(300));
        both.compare(&filter, Page { skip, limit }, now);
        both.compare_count(&filter, now);
    }
    both.compare(&ConversationFilter::default(), Page { skip: u64::MAX, limit: usize::MAX }, at(micros));
}

#[test]
fn a_page_that_takes_too_long_says_so_and_shows_nothing_wrong_otherwise() {
    let mut both = Both::new();
    (0..100).for_each(|place| both.says(place, place as u64, DESK, place as i64, 60));
    let snapshot = both.door.store().snapshot().unwrap();
    let within = |filter: &ConversationFilter, skip, most| {
        let (mut ids, page) = (Vec::new(), Page { skip, limit: 3 });
        let whole =
            snapshot.list_conversations_within(ORG, filter, page, at(200), most, |row| ids.push(row.id.0));
        whole.unwrap().then_some(ids)
    };
    let all = ConversationFilter::default();
    // A block is at least half full, and one is read.
    let depth = 100 / u64::from(BLOCK_ROWS / 2) + u64::from(BLOCK_ROWS) + 3;
    for skip in 0..98 {
        assert_eq!(within(&all, skip, depth), Some(vec![100 - skip, 99 - skip, 98 - skip]));
    }
    assert_eq!(within(&all, 50, 3), None);
    let few = ConversationFilter { customer: AddressQuery::parse("0000000"), ..all.clone() };
    assert_eq!((within(&few, 0, depth), within(&few, 0, 400)), (None, Some(vec![1])));
    let whole = ConversationFilter { customer: AddressQuery::parse(&customer(0)), ..all };
    assert_eq!((within(&whole, 0, 15), within(&whole, 0, 16)), (None, Some(vec![1])));
    drop(snapshot);
}

#[test]
fn a_block_is_looked_through_no_more_for_a_session_whose_end_is_a_fact() {
    let mut both = Both::new();
    for (place, ttl) in [(0, 600), (1, 60), (2, 600)] {
        both.says(place, place as u64, DESK, place as i64, ttl);
    }
    let expires =
        |both: &Both| blocks(&both.disk).iter().map(|(_, (_, expires, ..))| *expires).collect::<Vec<_>>();
    let expiry = |place: i64, ttl: i64| at(seconds(ttl) + place).0;
    assert_eq!(expires(&both), [(expiry(1, 60), expiry(2, 600))]);
    both.act(&close(Closing::Expired, &[2], at(seconds(61))));
    assert_eq!(expires(&both), [(expiry(0, 600), expiry(2, 600))]);
    // What was closed by somebody is no reason to look.
    both.act(&close(Closing::Living, &[1], at(seconds(61))));
    assert_eq!(expires(&both), [(expiry(0, 600), expiry(2, 600))]);
    both.is_sound();
}

#[test]
fn the_sweep_finds_what_is_over_in_whatever_pieces_it_looks() {
    let mut both = Both::new();
    // Two in three are over, in several blocks.
    for place in 0..30 {
        both.says(place, place as u64, DESK, place as i64, if place % 3 == 0 { 600 } else { 60 });
    }
    let now = at(seconds(100));
    let look = |both: &Both, rows| {
        let snapshot = both.door.store().snapshot().unwrap();
        let (mut ids, mut from) = (Vec::new(), None);
        loop {
            let of = (Closing::Expired, now);
            let (some, next) =
                snapshot.sessions_to_close(ORG, &SessionsOf::Everyone, of, from, rows).unwrap();
            ids.extend(some.iter().map(|id| id.0));
            from = next;
            if from.is_none() {
                ids.sort_unstable();
                return ids;
            }
        }
    };
    let over: Vec<u64> = (1..=30).filter(|id| id % 3 != 1).collect();
    for rows in [1, 2, BLOCK_ROWS as usize, 1_000] {
        assert_eq!(look(&both, rows), over, "{rows} at a time");
    }
    both.act(&close(Closing::Expired, &over[..7], now));
    assert_eq!(look(&both, 2), over[7..]);
    both.act(&close(Closing::Expired, &over[7..], now));
    assert_eq!(look(&both, 2), Vec::<u64>::new());
    let least = |(_, (_, (least, _), ..)): &([u8; 20], Block)| *least;
    assert!(blocks(&both.disk).iter().all(|block| least(block) > now.0), "no block is looked through again");
    both.is_sound();
}

#[test]
fn a_block_is_cut_when_it_is_full_and_vanishes_with_its_last_row() {
    let mut both = Both::new();
    let mut seen = Vec::new();
    for place in 0..7 {
        both.says(place, place as u64, DESK, seconds(place as i64), 60);
        seen.push(sizes(&both.disk));
    }
    let wanted: [&[u32]; 7] = [&[1], &[2], &[3], &[4], &[3, 2], &[4, 2], &[3, 2, 2]];
    assert_eq!(seen, wanted.map(<[u32]>::to_vec));
    // Each joins the newest block, which is cut when it has five. Nobody takes up the oldest one.
    let joins = [(0, vec![4, 2, 1]), (1, vec![3, 2, 2]), (2, vec![4, 2, 1]), (4, vec![3, 2, 2])];
    for (sid, (place, wanted)) in joins.into_iter().enumerate() {
        both.says(7 + sid, place, DESK, seconds(10 + sid as i64), 60);
        assert_eq!(sizes(&both.disk), wanted, "{place}");
        both.is_sound();
    }
    for id in 1..=7 {
        both.act(&archive(id, at(seconds(20)), 100));
        both.compare(&ConversationFilter::default(), EVERYTHING, at(seconds(20)));
        both.is_sound();
    }
    assert_eq!(sizes(&both.disk), Vec::<u32>::new());
    // One that is older than everything.
    both.says(19, 9, DESK, seconds(30), 60);
    both.says(20, 10, DESK, -seconds(30), 60);
    assert_eq!(sizes(&both.disk), [2]);
    both.is_sound();
}

#[test]
fn what_comes_in_one_commit_is_cut_into_as_many_blocks_as_it_takes() {
    let mut both = Both::new();
    both.says(0, 0, DESK, 0, 60);
    let gate = Gate::default();
    let held = gate.hold(both.door.store());
    let batch: Vec<_> = (1..60usize)
        .map(|sid| message(&format!("SM{sid}"), &customer(sid as u64 % 40), DESK, at(sid as i64)))
        .collect();
    let waiting: Vec<_> = batch.iter().map(|told| submit(both.door.store(), told.clone())).collect();
    gate.open();
    held.answer().unwrap();
    waiting.into_iter().map(Waiting::answer).for_each(|answer| drop(answer.unwrap()));
    for told in batch {
        send(&mut both.model, told);
    }
    both.is_sound();
    assert_eq!(sizes(&both.disk), [4; 10]);
    for skip in 0..41 {
        both.compare(&ConversationFilter::default(), Page { skip, limit: 7 }, at(70));
    }
}

#[test]
fn a_block_that_cannot_be_read_hides_nothing_and_is_counted_anew_when_it_is_touched() {
    let acts = script();
    let image = image_of(&acts);
    let disk = harmed(&image, &|txn| {
        let mut table = txn.open_table(ACTIVITY_BLOCKS).unwrap();
        let keys: Vec<[u8; 20]> = table.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
        keys.iter().for_each(|key| drop(table.insert(key, JUNK).unwrap()));
    });
    let (store, sound) = (disk.open().unwrap(), Disk::with(image).open().unwrap());
    let list = |store: &smslite::store::Store| {
        let page = Page { skip: 2, limit: 5 };
        Reads(&store.snapshot().unwrap()).list(ORG, &ConversationFilter::default(), page, at(seconds(110)))
    };
    assert_eq!(list(&store), list(&sound));
    let is_told = |store: &smslite::store::Store| store.snapshot().unwrap().check().unwrap().len();
    let before = is_told(&store);
    assert!(before > 2);
    for (sid, who) in [ANN, BOB].into_iter().enumerate() {
        let told = Act::Inbound(message(&format!("SMnew{sid}"), who, DESK, at(seconds(5_000))));
        execute(&store, &told).unwrap();
        execute(&sound, &told).unwrap();
    }
    assert!(is_told(&store) < before);
    assert_eq!(list(&store), list(&sound));
    store.close();
    sound.close();
}

/// Of such a block nobody knows how many rows it has: what is said instead must not be added up.
#[test]
fn a_page_is_found_though_no_block_can_be_read() {
    let mut both = Both::new();
    (0..60).for_each(|place| both.says(place, place as u64, DESK, place as i64, 60));
    assert!(sizes(&both.disk).len() >= 15);
    let disk = harmed(&both.disk.image(Loss::None), &|txn| {
        let mut table = txn.open_table(ACTIVITY_BLOCKS).unwrap();
        let keys: Vec<[u8; 20]> = table.iter().unwrap().map(|row| *row.unwrap().0.value()).collect();
        keys.iter().for_each(|key| drop(table.insert(key, JUNK).unwrap()));
    });
    let store = disk.open().unwrap();
    let snapshot = store.snapshot().unwrap();
    for filter in [
        ConversationFilter::default(),
        ConversationFilter { assistant_id: Some(AssistantId(1)), ..ConversationFilter::default() },
    ] {
        for skip in [0, 3, 30, 58, 60] {
            let page = Page { skip, limit: 5 };
            let wanted = both.model.list(ORG, &filter, page, at(70));
            assert_eq!(Reads(&snapshot).list(ORG, &filter, page, at(70)), wanted, "{filter:?}, {skip}");
        }
        assert_eq!(snapshot.count_conversations(ORG, &filter, at(70)).unwrap(), 60);
    }
    drop(snapshot);
    store.close();
}
