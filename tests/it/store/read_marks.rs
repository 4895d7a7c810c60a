//! What users have read: everything up to a time, of single conversations more, each user their own; and it goes with the
//! conversation.

use super::acts::{
    ANN, BOB, DESK, ORG, SALES, START, address, archive, at, create_user, forget, mark_all_read, mark_read,
    message, purge, send,
};
use super::contract::on_every_door;
use super::disk::open_dir;
use super::door::{Answer, Door, StoreDoor};
use redb::{Database, TableDefinition};
use smslite::model::account::Role;
use smslite::model::ids::{CallId, UserId};
use smslite::store::Due;

/// Ann's conversation (1) has four messages, Bob's (2) one. User 1 was there before, user 2 came after the second.
fn furnish(door: &mut dyn Door) {
    send(door, message("SM1", ANN, DESK, at(1)));
    send(door, message("SM2", ANN, DESK, at(2)));
    door.act(&create_user("second@example.com", Role::Viewer, at(2)));
    send(door, message("SM3", ANN, DESK, at(3)));
    send(door, message("SM4", ANN, DESK, at(3)));
    send(door, message("SM5", BOB, SALES, at(4)));
}

/// How many messages of both conversations a user has not read.
fn unread(door: &dyn Door, user: u64) -> [u32; 2] {
    let unread = door.accounts(ORG).unread;
    [1, 2].map(|call| unread.get(&(UserId(user), CallId(call))).copied().unwrap_or(0))
}

#[test]
fn what_was_there_before_a_user_is_read_and_marks_only_move_forward() {
    on_every_door(|door| {
        furnish(door);
        assert_eq!((unread(door, 1), unread(door, 2)), ([4, 1], [2, 1]));
        for (user, call, index, changed, wanted) in [
            (1, 1, 0, false, [4, 1]),
            (1, 1, 2, true, [2, 1]),
            (1, 1, 2, false, [2, 1]),
            (1, 1, 1, false, [2, 1]),
            (1, 1, 99, true, [0, 1]),
            (1, 1, 4, false, [0, 1]),
            (1, 9, 1, false, [0, 1]),
            (2, 1, 2, false, [2, 1]),
            (2, 1, 3, true, [1, 1]),
            (2, 2, 1, true, [1, 0]),
            (9, 1, 4, false, [0, 0]),
        ] {
            let done = door.act(&mark_read(user, call, index, at(5)));
            assert_eq!(done, Answer::Done(changed), "user {user}, conversation {call} up to {index}");
            assert_eq!(unread(door, user), wanted, "user {user}, conversation {call} up to {index}");
        }
        send(door, message("SM6", ANN, DESK, at(6)));
        assert_eq!((unread(door, 1), unread(door, 2)), ([1, 1], [2, 0]));
    });
}

#[test]
fn all_is_read_at_once_also_what_a_clock_that_was_ahead_has_left() {
    on_every_door(|door| {
        furnish(door);
        door.act(&mark_read(1, 1, 1, at(5)));
        door.act(&mark_read(2, 1, 3, at(5)));
        for (now, changed) in [(at(4), true), (at(4), false), (at(2), false), (at(5), true), (START, false)] {
            assert_eq!(door.act(&mark_all_read(1, now)), Answer::Done(changed), "{now}");
            assert_eq!((unread(door, 1), unread(door, 2)), ([0, 0], [1, 1]));
        }
        // Nobody sees a mark that is older than that.
        assert_eq!(door.act(&mark_read(1, 1, 2, at(6))), Answer::Done(false));
        send(door, message("SM6", BOB, SALES, at(5)));
        send(door, message("SM7", ANN, DESK, at(6)));
        assert_eq!((unread(door, 1), unread(door, 2)), ([1, 0], [2, 2]));
        assert_eq!(door.act(&mark_all_read(1, at(3))), Answer::Done(true));
        assert_eq!(unread(door, 1), [0, 0]);
        assert_eq!(door.act(&mark_all_read(9, at(7))), Answer::Done(false));
    });
}

#[test]
fn marks_go_with_their_conversation_and_none_is_made_of_one_that_is_gone() {
    let about = Due::About(address(ANN));
    for (name, act) in [
        ("archived", archive(1, at(9), 100)),
        ("archived, and purged later", archive(1, at(9), 0)),
        ("deleted", forget(&[1], about.clone(), at(9), 100)),
        ("deleted to the half", forget(&[1], about, at(9), 1)),
    ] {
        on_every_door(|door| {
            furnish(door);
            for user in [1, 2] {
                door.act(&mark_read(user, 1, 3, at(5)));
                door.act(&mark_read(user, 2, 1, at(5)));
            }
            door.act(&act);
            // The check at the end finds what is left behind.
            assert_eq!(door.act(&mark_read(1, 1, 4, at(9))), Answer::Done(false), "{name}");
            assert_eq!((unread(door, 1), unread(door, 2)), ([0, 0], [0, 0]), "{name}");
            door.act(&purge(1, 100));
        });
    }
}

#[test]
fn a_file_of_before_there_were_marks_opens_and_keeps_them_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let door = || {
        let path = path.clone();
        StoreDoor::new("a file", move || open_dir(&path))
    };
    let mut first = door();
    super::acts::furnish(&mut first);
    furnish(&mut first);
    drop(first);
    let database = Database::open(dir.path().join("smslite.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    for table in ["read_marks", "read_before"] {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
        assert!(txn.delete_table(table).unwrap());
    }
    txn.commit().unwrap();
    drop(database);
    let mut door = door();
    assert_eq!(unread(&door, 1), [4, 1]);
    assert_eq!(door.act(&mark_read(1, 1, 3, at(5))), Answer::Done(true));
    door.reopen();
    assert_eq!(unread(&door, 1), [1, 1]);
}
