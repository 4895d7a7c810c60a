//! Searching in bodies: what is found is what stands there, sealed or not, and nothing of what is gone is left.

use super::acts::{
    ANN, BOB, DESK, NOBODYS, ORG, OTHER_ORG, SALES, START, address, archive, assign, at, create_assistant,
    create_organization, forget, forget_rows, furnish, message, purge, seconds, send,
};
use super::checker::{BLOCKS, harmed, put, serial, sound_image};
use super::contract::on_a_file;
use super::disk::Chance;
use super::door::{Act, Answer, Door, StoreDoor};
use smslite::model::ids::MessageLogId;
use smslite::model::message_log::{LogFilter, LogView};
use smslite::model::page::Page;
use smslite::model::search::Search;
use smslite::store::{
    Due, Export, ForgetRows, Held, ImportBatch, ImportRecord, Place, RecordInbound, Snapshot, Store,
};
use std::sync::Arc;

/// Every one of these many logs makes a block.
const ROWS: usize = 4;

fn furnished() -> StoreDoor {
    let mut door = on_a_file();
    furnish(&mut door);
    door
}

fn told(door: &mut StoreDoor, sid: &str, customer: &str, body: &str, micros: i64) {
    send(door, RecordInbound { body: body.into(), ..message(sid, customer, DESK, at(micros)) });
}

/// Seals what is to be sealed. Returns how many blocks that were.
pub fn seal(store: &Store) -> usize {
    let (mut from, mut sealed) = (0, 0);
    while let Some(block) = store.snapshot().unwrap().next_block(ORG, from, ROWS).unwrap() {
        from = block.last + 1;
        sealed += usize::from(store.execute_blocking(block).unwrap());
    }
    assert!(!store.snapshot().unwrap().is_unsealed(ORG, ROWS).unwrap());
    assert_eq!(store.snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    sealed
}

/// The logs from and to which a block is to be made.
fn to_seal(store: &Store) -> Option<(u64, u64)> {
    let snapshot = store.snapshot().unwrap();
    let block = snapshot.next_block(ORG, 0, ROWS).unwrap();
    assert_eq!(block.is_some(), snapshot.is_unsealed(ORG, ROWS).unwrap());
    block.map(|block| (block.first, block.last))
}

/// The logs whose bodies have the text, the newest first.
pub fn found(snapshot: &Snapshot, text: &str) -> Vec<u64> {
    let filter = LogFilter { search: Some(Search::new(text)), ..LogFilter::default() };
    let mut ids = Vec::new();
    let visit = |id: MessageLogId, _: &LogView<'_>| ids.push(id.0);
    let total = snapshot.list_logs(ORG, &filter, Page { skip: 0, limit: 1000 }, visit).unwrap();
    assert_eq!(total, ids.len() as u64);
    ids
}

fn search(door: &StoreDoor, text: &str) -> Vec<u64> {
    found(&door.store().snapshot().unwrap(), text)
}

/// A message log with this id, as an import brings it: known to the carrier as the message that [`told`] it first.
fn import(id: u64, body: &str) -> Act {
    let line = serde_json::json!({
        "type": "message_log", "id": id, "provider": "twilio", "provider_message_id": format!("SM{}", id - 1), "direction": "inbound",
        "from_number": ANN, "to_number": NOBODYS, "body": body, "status": "received", "created_at": "2026-04-30T09:00:00Z",
    });
    let line = smslite::model::transfer::parse(&line.to_string()).unwrap();
    let records = Arc::new(vec![ImportRecord { line_number: 1, line, place: Place::None }]);
    Act::Import(ImportBatch { organization: ORG, now: START, session_ttl_seconds: 60, bare: false, records })
}

fn imports(door: &mut StoreDoor, id: u64, body: &str) {
    let Answer::Imported(outcome) = door.act(&import(id, body)) else { panic!("{id}") };
    assert_eq!((outcome.stored, outcome.refused), (1, None), "{id}");
}

fn erase(id: u64) -> Act {
    forget_rows(ORG, Held::Logs, id..=id, Due::Before(at(seconds(9999))), at(seconds(9999)))
}

const BODIES: [&str; 12] = [
    "Can I reschedule to Tuesday?",
    "Können wir GRÖSSE XL tauschen? ẞ ß",
    "Можно перенести НА ВТОРНИК?",
    "Ο ΔΡΟΜΟΣ και ο δρόμος, ς Σ σ",
    "明天下午三点见面可以吗",
    "هل يمكن تغيير الموعد؟",
    "ok 👍🏽 see you 👩‍👩‍👧 soon",
    "İSTANBUL'da DİYARBAKIR ılık",
    "cafe\u{301} nai\u{308}ve Å\u{212b} 300 \u{212a}",
    "order 483921, code 77",
    "50% off_all \"quoted\" \\ back",
    "",
];

/// The rule once more, told in another way.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// Ids and bodies of the logs that an export has, the newest first.
fn exported(snapshot: &Snapshot) -> Vec<(u64, String)> {
    let (mut export, mut text) = (Export::new(ORG, false, START), Vec::new());
    while let Some(piece) = export.piece(snapshot).unwrap() {
        text.extend(piece);
    }
    let lines = String::from_utf8(text).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let logs = lines.filter(|line| line["type"] == "message_log");
    let mut logs: Vec<_> =
        logs.map(|log| (log["id"].as_u64().unwrap(), log["body"].as_str().unwrap().to_owned())).collect();
    logs.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    logs
}

fn compare(door: &StoreDoor, chance: &mut Chance) {
    let snapshot = door.store().snapshot().unwrap();
    let logs = exported(&snapshot);
    for _ in 0..60 {
        let body = folded(&format!("{} {}", BODIES[chance.next() as usize % 12], chance.next() % 40));
        let letters: Vec<char> = body.chars().collect();
        let start = chance.next() as usize % letters.len();
        let end = (start + 1 + chance.next() as usize % 6).min(letters.len());
        let part: String = letters[start..end].iter().collect();
        for query in [part.to_uppercase(), part] {
            let stands = |(_, body): &&(u64, String)| folded(body).contains(&folded(&query));
            let wanted: Vec<u64> = logs.iter().filter(stands).map(|(id, _)| *id).collect();
            assert_eq!(found(&snapshot, &query), wanted, "{query:?}");
        }
    }
}

#[test]
fn what_is_found_is_what_a_look_at_all_exported_bodies_finds() {
    let (mut door, mut chance) = (furnished(), Chance(11));
    let customers = [ANN, BOB, "+15550000001", "+15550000002"];
    for n in 0..120u64 {
        let body = format!("{} {}", BODIES[chance.next() as usize % 12], chance.next() % 40);
        told(&mut door, &format!("SM{n}"), customers[n as usize % 4], &body, n as i64);
        match n {
            // Sealed, with holes in it, sealed again and once more with holes.
            20 | 50 | 90 => assert!(seal(door.store()) > 2),
            30 | 70 => (0..8).for_each(|_| drop(door.act(&erase(1 + chance.next() % n)))),
            60 => drop(door.act(&archive(1, at(1000), 0))),
            // Those that were told were of others, and went.
            80 => (0..40).for_each(|_| drop(door.act(&import(1 + chance.next() % n, "明天 ДРОМОС 7")))),
            _ => {}
        }
        if n % 10 == 9 {
            compare(&door, &mut chance);
        }
    }
    // A whole conversation is archived by now, and its logs are there for nobody.
    door.reopen();
    compare(&door, &mut chance);
    while !door.store().snapshot().unwrap().pending_purges().unwrap().is_empty() {
        door.act(&purge(1, 7));
        compare(&door, &mut chance);
    }
    seal(door.store());
    compare(&door, &mut chance);
}

#[test]
fn a_message_is_found_the_moment_it_is_acknowledged_and_when_it_is_sealed() {
    let mut door = furnished();
    for n in 1..=11u64 {
        let word = format!("word{n}x");
        told(&mut door, &word, ANN, &format!("the {word} is told"), n as i64);
        assert_eq!(search(&door, &word), [n]);
        assert_eq!(seal(door.store()), usize::from(n.is_multiple_of(ROWS as u64)));
        assert_eq!(search(&door, &word.to_uppercase()), [n]);
    }
    assert_eq!(search(&door, "the word1"), [11, 10, 1]);
    assert_eq!(search(&door, "word12"), [0; 0]);
}

#[test]
fn a_log_that_an_import_puts_among_sealed_ones_is_found_at_once() {
    let mut door = furnished();
    for id in [10, 11, 18, 19, 30, 31, 32, 33] {
        imports(&mut door, id, &format!("number {id}"));
    }
    assert_eq!((seal(door.store()), to_seal(door.store())), (2, None));
    // Within a block, between two, before all and after all.
    for (id, anew) in [(15, Some((10, 18))), (25, Some((25, 25))), (5, Some((5, 5))), (31_000, None)] {
        imports(&mut door, id, "somewhere among them");
        assert!(search(&door, "AMONG").contains(&id), "{id}");
        assert_eq!(to_seal(door.store()), anew, "{id}");
        seal(door.store());
        assert!(search(&door, "among").contains(&id), "{id}");
    }
    assert_eq!(search(&door, "among"), [31_000, 25, 15, 5]);
}

#[test]
fn what_is_erased_archived_or_too_old_is_not_found_and_its_block_is_sealed_anew() {
    let later = at(seconds(86_400 * 3));
    for (name, acts) in [
        ("erased", vec![forget(&[2], Due::About(address(ANN)), later, 100)]),
        ("too old", vec![erase(2), erase(3)]),
        ("archived", vec![archive(2, later, 100)]),
        ("archived in steps", vec![archive(2, later, 1), purge(2, 1), purge(2, 100)]),
    ] {
        let mut door = furnished();
        // The second conversation, in the first of two blocks.
        for (n, customer) in [BOB, ANN, ANN, BOB, BOB, BOB, BOB, BOB].into_iter().enumerate() {
            let body = if customer == ANN { "the secret of Ann" } else { "nothing of it" };
            told(&mut door, &format!("SM{n}"), customer, body, n as i64);
        }
        assert_eq!((seal(door.store()), search(&door, "secret")), (2, vec![3, 2]), "{name}");
        acts.iter().for_each(|act| drop(door.act(act)));
        assert_eq!((search(&door, "secret"), search(&door, "it").len()), (vec![], 6), "{name}");
        assert_eq!(to_seal(door.store()), Some((1, 4)), "{name}");
        assert_eq!((seal(door.store()), search(&door, "it").len()), (1, 6), "{name}");
        // Of a block whose logs have all gone nothing is left.
        for id in 1..=4 {
            door.act(&erase(id));
        }
        assert_eq!((to_seal(door.store()), search(&door, "it")), (None, vec![8, 7, 6, 5]), "{name}");
        assert_eq!(door.store().snapshot().unwrap().check().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_block_is_not_sealed_when_its_logs_are_not_those_that_were_read() {
    let mut door = furnished();
    for id in [1, 2, 4, 5] {
        imports(&mut door, id, "first");
    }
    let read = |door: &StoreDoor| door.store().snapshot().unwrap().next_block(ORG, 0, ROWS).unwrap().unwrap();
    let block = read(&door);
    imports(&mut door, 3, "between");
    assert!(!door.store().execute_blocking(block.clone()).unwrap(), "one more");
    door.act(&erase(3));
    door.act(&erase(4));
    assert!(!door.store().execute_blocking(block.clone()).unwrap(), "one less");
    imports(&mut door, 4, "another");
    assert!(!door.store().execute_blocking(block).unwrap(), "another of the same id");
    let block = read(&door);
    assert!(door.store().execute_blocking(block.clone()).unwrap());
    assert!(!door.store().execute_blocking(block).unwrap(), "once is enough");
    assert_eq!((search(&door, "another"), search(&door, "first")), (vec![4], vec![5, 2, 1]));
}

#[test]
fn a_block_of_another_version_is_believed_nothing_and_sealed_anew() {
    let disk = harmed(&sound_image(), &|txn| {
        let block = super::checker::first_block(txn);
        // That of no version, which has no runs of letters at all.
        let other = super::damages::record(&(block.0, block.1, 0u32, vec![0u8; 120]));
        put(txn, BLOCKS, serial(1), &other);
    });
    let store = disk.open().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.check().unwrap(), Vec::<String>::new());
    let before = found(&snapshot, "THIS IS");
    assert!(before.contains(&1));
    assert!(seal(&store) >= 1);
    assert_eq!(found(&store.snapshot().unwrap(), "this is"), before);
    assert_eq!(found(&store.snapshot().unwrap(), "these are"), [0; 0]);
    store.close();
}

#[test]
fn a_tenant_is_sealed_and_searched_by_itself() {
    let mut door = furnished();
    for act in [create_organization("other"), create_assistant(OTHER_ORG, "Theirs")] {
        door.act(&act);
    }
    door.act(&assign(OTHER_ORG, SALES, 1, START));
    for n in 0..8 {
        told(&mut door, &format!("SM{n}"), ANN, "ours", n);
        let theirs = message(&format!("SM{n}"), ANN, SALES, at(n));
        send(&mut door, RecordInbound { organization: OTHER_ORG, body: "theirs".into(), ..theirs });
    }
    assert_eq!(seal(door.store()), 2);
    let snapshot = door.store().snapshot().unwrap();
    let next = snapshot.next_block(OTHER_ORG, 0, ROWS).unwrap().unwrap();
    assert_eq!((next.organization, next.first, next.last), (OTHER_ORG, 1, 4));
    assert_eq!((found(&snapshot, "ours").len(), found(&snapshot, "theirs").len()), (8, 0));
    drop(snapshot);
    let keys = vec![serial(1).to_vec()];
    let due = Due::Before(at(99));
    let theirs = ForgetRows { organization: OTHER_ORG, now: at(99), due, of: Held::Logs, keys };
    door.act(&Act::ForgetRows(theirs));
    assert_eq!(to_seal(door.store()), None, "ours are as they were");
}
