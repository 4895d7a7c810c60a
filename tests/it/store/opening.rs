//! Opening: what is not ours is refused and left as it is, what is ours is found whatever a crash
//! left beside it.

use super::acts::{ANN, DESK, ORG, START, Went, assign, bootstrap, create_assistant, message, send};
use super::disk::{CACHE, open_dir};
use super::door::{Door, StoreDoor};
use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition};
use smslite::store::{DataDir, Location, OpenError, Store};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
const THEIRS: TableDefinition<'static, &str, &str> = TableDefinition::new("recipes");

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(Location::Directory(Arc::new(DataDir::take(path)?)), CACHE)
}

fn refusal(path: &Path) -> OpenError {
    match open(path) {
        Err(error) => error,
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

/// A data directory whose database file holds these bytes.
fn dir_with(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("smslite.redb"), bytes).unwrap();
    dir
}

/// The bytes of a closed database with some life in it.
fn ours() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let mut door = StoreDoor::new("a file", move || open_dir(&path));
    furnish_and_send(&mut door);
    drop(door);
    fs::read(dir.path().join("smslite.redb")).unwrap()
}

fn furnish_and_send(door: &mut dyn Door) {
    for act in [bootstrap(), create_assistant(ORG, "Support Bot"), assign(ORG, DESK, 1, START)] {
        door.act(&act);
    }
    assert_eq!(send(door, message("SM1", ANN, DESK, START)), Went::Started(1));
}

#[test]
fn a_file_of_another_kind_is_refused_and_not_changed_by_a_byte() {
    let noise: Vec<u8> = (0..9000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("text", b"shopping list: flour, eggs\n".to_vec()),
        ("almost the magic", b"redb\x1a\x0a\xa9\x0d".to_vec()),
        ("noise", noise),
        ("sqlite", b"SQLite format 3\0 and so on".to_vec()),
    ] {
        let dir = dir_with(&bytes);
        let error = refusal(dir.path());
        assert!(matches!(error, OpenError::Foreign { .. }), "{name}: {error}");
        assert!(error.to_string().contains("left as it is"), "{error}");
        assert_eq!(fs::read(dir.path().join("smslite.redb")).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_file_that_only_starts_like_ours_is_refused_without_a_panic() {
    let whole = ours();
    let magic = whole[..9].to_vec();
    let mut noisy = magic.clone();
    noisy.extend((0..9000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8));
    let mut zeros = magic.clone();
    zeros.resize(1 << 20, 0);
    for (name, bytes) in [
        ("the magic alone", magic),
        ("the magic and noise", noisy),
        ("the magic and zeros", zeros),
        ("cut after a page", whole[..4096].to_vec()),
        ("cut in a page", whole[..5000].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
    ] {
        let dir = dir_with(&bytes);
        let error = refusal(dir.path());
        assert!(matches!(error, OpenError::Unusable { .. } | OpenError::Directory { .. }), "{name}: {error}");
        assert_eq!(fs::read(dir.path().join("smslite.redb")).unwrap(), bytes, "{name}");
    }
}

fn make(path: &Path, fill: impl Fn(&redb::WriteTransaction)) {
    let database = Database::create(path.join("smslite.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    fill(&txn);
    txn.commit().unwrap();
}

#[test]
fn another_programs_database_is_refused_and_keeps_what_is_in_it() {
    let recipes = |txn: &redb::WriteTransaction| {
        txn.open_table(THEIRS).unwrap().insert("cake", "flour, eggs").unwrap();
    };
    let their_meta = |application: &'static [u8]| {
        move |txn: &redb::WriteTransaction| {
            let mut meta = txn.open_table(META).unwrap();
            meta.insert("application", application).unwrap();
            meta.insert("format", 1u32.to_be_bytes().as_slice()).unwrap();
        }
    };
    type Fill = Box<dyn Fn(&redb::WriteTransaction)>;
    let fills: [(&str, Fill); 4] = [
        ("recipes", Box::new(recipes)),
        ("a meta table of theirs", Box::new(their_meta(b"cookbook"))),
        ("a meta table without a name", Box::new(|txn| drop(txn.open_table(META).unwrap()))),
        ("nothing at all", Box::new(|_| ())),
    ];
    for (name, fill) in fills {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), fill);
        let before = fs::read(dir.path().join("smslite.redb")).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, OpenError::Foreign { .. }), "{name}: {error}");
        assert_eq!(fs::read(dir.path().join("smslite.redb")).unwrap(), before, "{name}");
    }
}

#[test]
fn another_programs_database_that_was_never_closed_keeps_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("smslite.redb");
    let database = Database::create(dir.path().join("theirs")).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(THEIRS).unwrap().insert("cake", "flour, eggs").unwrap();
    txn.commit().unwrap();
    // As a crash of theirs would leave it.
    fs::copy(dir.path().join("theirs"), &path).unwrap();
    drop(database);
    let error = refusal(dir.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let database = Database::open(&path).unwrap();
    let txn = database.begin_read().unwrap();
    let tables: Vec<String> =
        txn.list_tables().unwrap().map(|table| redb::TableHandle::name(&table).to_owned()).collect();
    assert_eq!(tables, ["recipes"]);
    let recipe = txn.open_table(THEIRS).unwrap().get("cake").unwrap().unwrap().value().to_owned();
    assert_eq!(recipe, "flour, eggs");
}

#[test]
fn a_database_of_a_newer_format_is_refused_with_both_numbers_and_not_changed() {
    let dir = dir_with(&ours());
    let path = dir.path().join("smslite.redb");
    let database = Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 7u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error, OpenError::Newer { found: 7, known: 6, .. }), "{error}");
    assert!(error.to_string().contains("upgrade"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_directory_that_is_held_is_refused_until_it_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(DataDir::take(dir.path()), Err(OpenError::Held { .. })));
    store.close();
    open(dir.path()).unwrap().close();
}

#[test]
fn a_database_that_another_process_has_open_is_refused() {
    let dir = dir_with(&ours());
    let other = Database::open(dir.path().join("smslite.redb")).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error, OpenError::Held { .. }), "{error}");
    drop(other);
    open(dir.path()).unwrap().close();
}

#[test]
fn a_database_that_is_open_here_no_other_process_opens() {
    let dir = dir_with(&ours());
    let store = open(dir.path()).unwrap();
    let other = Database::open(dir.path().join("smslite.redb"));
    assert!(matches!(other, Err(DatabaseError::DatabaseAlreadyOpen)), "{other:?}");
    store.close();
}

#[test]
fn a_data_directory_that_is_a_file_or_lies_in_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(DataDir::take(&file), Err(OpenError::NotADirectory { .. })));
    assert!(matches!(DataDir::take(&file.join("below")), Err(OpenError::Directory { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_database_that_is_a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("smslite.redb")).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error, OpenError::Directory { .. } | OpenError::Foreign { .. }), "{error}");
}

#[test]
fn a_half_made_file_of_an_earlier_try_is_no_obstacle() {
    for leftover in [Vec::new(), b"half".to_vec(), ours()[..4096].to_vec(), ours()] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("smslite.redb.new"), leftover).unwrap();
        let path = dir.path().to_owned();
        let mut door = StoreDoor::new("a file", move || open_dir(&path));
        assert_eq!(door.count(ORG), 0, "nothing of the leftover is taken over");
        furnish_and_send(&mut door);
        assert!(!dir.path().join("smslite.redb.new").exists());
    }
}

#[test]
fn a_leftover_beside_a_whole_database_changes_nothing() {
    let dir = dir_with(&ours());
    fs::write(dir.path().join("smslite.redb.new"), b"half").unwrap();
    let path = dir.path().to_owned();
    let mut door = StoreDoor::new("a file", move || open_dir(&path));
    assert_eq!(door.count(ORG), 1);
    assert_eq!(send(&mut door, message("SM1", ANN, DESK, START)), Went::Duplicate);
}

#[cfg(unix)]
#[test]
fn what_is_made_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("not/yet/there");
    open(&data).unwrap().close();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("smslite.redb")), 0o600);
}

#[cfg(unix)]
#[test]
fn a_directory_without_the_right_to_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("skipped: this user (root?) may write everywhere");
        return;
    }
    let error = refusal(&closed);
    assert!(matches!(error, OpenError::Directory { .. }), "{error}");
}
