//! Accounts and kept webhooks: what every door promises beside conversations.

use super::acts::{
    ANN, DESK, ORG, SALES, START, address, at, bootstrap, create_key, create_user, delete_assistant, furnish,
    keep_audit, message, rename_assistant, revoke_key, send, set_password, sign_in, update_user,
};
use super::contract::{on_a_file, on_every_door};
use super::disk::Disk;
use super::door::{Act, Answer, Door, StoreDoor, execute};
use super::script::script;
use smslite::model::account::{KeyHash, PasswordHash, Role, Usage, UserChange};
use smslite::model::ids::{ApiKeyId, AssistantId, AuditId, UserId};
use smslite::model::time::Timestamp;
use smslite::store::{
    Bootstrapped, EndDashboardSession, KeepAudit, NoteUsage, StartDashboardSession, Store, UserOutcome,
};

#[test]
fn accounts_are_made_changed_and_ended() {
    on_every_door(|door| {
        assert_eq!(door.act(&bootstrap()), Answer::Bootstrapped(Bootstrapped::AlreadyThere));
        let Answer::User(UserOutcome::Done(UserId(1), _)) = door.act(&set_password(1, at(1))) else {
            panic!()
        };
        assert_eq!(door.act(&set_password(2, at(1))), Answer::User(UserOutcome::NoSuchUser));
        assert_eq!(door.act(&create_key("sl_live_second", at(2))), Answer::Key(ApiKeyId(2)));
        assert_eq!(door.act(&revoke_key(2, at(3))), Answer::Done(true));
        assert_eq!(door.act(&revoke_key(2, at(4))), Answer::Done(false));
        assert_eq!(door.act(&revoke_key(3, at(4))), Answer::Done(false));
        let accounts = door.accounts(ORG);
        assert_eq!(accounts.users[0].1.updated_at, at(1));
        assert!(accounts.users[0].1.password.is_some());
        let ends: Vec<_> = accounts.keys.iter().map(|(id, key)| (id.0, key.revoked_at)).collect();
        assert_eq!(ends, [(1, None), (2, Some(at(3)))]);
        let numbers: Vec<_> = accounts.numbers.iter().map(|(number, _)| number.as_str()).collect();
        assert_eq!(numbers, [DESK, SALES]);
    });
}

#[test]
fn a_deleted_assistants_last_name_is_known_after_a_restart_and_its_number_is_nobodys() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for act in script().iter().take(4) {
        execute(&store, act).unwrap();
    }
    let known = |store: &Store| {
        let name = store.directory().view().assistant_names(ORG).get(&AssistantId(1)).cloned();
        (name.unwrap().to_string(), store.directory().assistant_of(ORG, &address(DESK)))
    };
    assert_eq!(known(&store), ("Support Bot".to_owned(), Some(AssistantId(1))));
    execute(&store, &rename_assistant(1, "Front Desk", at(1))).unwrap();
    execute(&store, &delete_assistant(1, at(2))).unwrap();
    assert_eq!(known(&store), ("Front Desk".to_owned(), None));
    store.close();
    let store = disk.open().unwrap();
    assert_eq!(known(&store), ("Front Desk".to_owned(), None));
    store.close();
}

#[test]
fn users_come_and_go_but_an_active_admin_stays() {
    on_every_door(|door| {
        let outcome = |answer| match answer {
            Answer::User(UserOutcome::Done(id, user)) => Ok((id.0, user.role, user.is_active)),
            Answer::User(outcome) => Err(Box::new(outcome)),
            other => panic!("{other:?}"),
        };
        let taken = door.accounts(ORG).users[0].1.email.to_uppercase();
        assert_eq!(
            outcome(door.act(&create_user(&taken, Role::User, at(1)))),
            Err(Box::new(UserOutcome::EmailTaken))
        );
        let made = door.act(&create_user("ann@example.com", Role::Viewer, at(1)));
        assert_eq!(outcome(made), Ok((2, Role::Viewer, true)));
        let change = |user, role, is_active| {
            update_user(user, UserChange { role, is_active, ..UserChange::default() }, at(2))
        };
        for (act, wanted) in [
            (change(1, Some(Role::User), None), Err(Box::new(UserOutcome::LastAdmin))),
            (change(1, None, Some(false)), Err(Box::new(UserOutcome::LastAdmin))),
            (change(2, Some(Role::Admin), None), Ok((2, Role::Admin, true))),
            (change(1, None, Some(false)), Ok((1, Role::Admin, false))),
            (change(2, None, Some(false)), Err(Box::new(UserOutcome::LastAdmin))),
            (change(3, None, Some(false)), Err(Box::new(UserOutcome::NoSuchUser))),
        ] {
            assert_eq!(outcome(door.act(&act)), wanted, "{act:?}");
        }
        // A password that was right may be no more when the session begins; so may the user.
        assert_eq!(door.act(&sign_in(1, "a secret", at(3))), Answer::Done(false));
        let Act::StartDashboardSession(start) = sign_in(2, "a secret", at(3)) else { unreachable!() };
        let password = Some(PasswordHash::Chosen("the one before".to_owned()));
        let late = Act::StartDashboardSession(StartDashboardSession { password, ..start });
        assert_eq!(door.act(&late), Answer::Done(false));
        assert_eq!(door.act(&sign_in(2, "a secret", at(3))), Answer::Done(true));
        door.act(&sign_in(2, "another", at(4)));
        assert_eq!(door.accounts(ORG).users[1].2, Usage { count: 2, last_used_at: Some(at(4)) });
    });
}

#[test]
fn who_is_signed_in_is_known_again_after_a_restart() {
    let mut door = on_a_file();
    furnish(&mut door);
    door.act(&create_user("ann@example.com", Role::User, START));
    for (user, secret) in [(1, "first"), (1, "second"), (2, "hers")] {
        door.act(&sign_in(user, secret, START));
    }
    let known = |door: &StoreDoor| {
        let view = door.store().directory().view();
        ["first", "second", "hers"].map(|secret| view.session(&KeyHash::of(secret)).is_some())
    };
    door.act(&Act::EndDashboardSession(EndDashboardSession {
        organization: ORG,
        hash: KeyHash::of("first"),
    }));
    assert_eq!(known(&door), [false, true, true]);
    door.act(&set_password(2, at(1)));
    assert_eq!(known(&door), [false, true, false], "a new password signs out");
    door.store().directory().view().session(&KeyHash::of("second")).unwrap().usage.note(at(9));
    for (organization, used) in door.store().directory().take_usage() {
        door.act(&Act::NoteUsage(NoteUsage { organization, used }));
    }
    assert!(door.store().directory().take_usage().is_empty(), "nothing is written twice");
    door.reopen();
    assert_eq!(known(&door), [false, true, false]);
    let view = door.store().directory().view();
    let usage = view.session(&KeyHash::of("second")).unwrap().usage.read();
    assert_eq!(usage, Usage { count: 1, last_used_at: Some(at(9)) });
}

#[test]
fn kept_webhooks_have_ids_of_their_own_whatever_their_steps() {
    on_every_door(|door| {
        assert_eq!(door.act(&keep_audit("no body", START)), Answer::Audit(AuditId(1)));
        assert_eq!(door.act(&keep_audit("no sender", START)), Answer::Audit(AuditId(3)));
        // A message leaves three steps: received, started, stored.
        send(door, message("SM1", ANN, DESK, START));
        let Act::KeepAudit(kept) = keep_audit("no body", START) else { unreachable!() };
        let silent = Act::KeepAudit(KeepAudit { steps: Vec::new(), ..kept });
        assert_eq!(door.act(&silent), Answer::Audit(AuditId(8)));
        assert_eq!(door.act(&silent), Answer::Audit(AuditId(9)));
        assert_eq!(door.act(&keep_audit("no body", START)), Answer::Audit(AuditId(10)));
    });
}

#[test]
fn a_kept_webhook_that_comes_again_keeps_nothing_new() {
    let mut door = on_a_file();
    furnish(&mut door);
    let keep = |status: &str, now| {
        let Act::KeepAudit(kept) = keep_audit("a receipt", now) else { unreachable!() };
        let told_by = ["twilio", "receipt", "SM1", status].map(str::to_owned).to_vec();
        Act::KeepAudit(KeepAudit { told_by, ..kept })
    };
    let fortnight = Timestamp(14 * 86_400_000_000);
    let first = door.act(&keep("sent", START));
    assert_eq!(door.act(&keep("sent", Timestamp(START.0 + fortnight.0))), first);
    assert_eq!(
        door.act(&keep("sent", Timestamp(START.0 - fortnight.0))),
        first,
        "also when a clock was set back"
    );
    assert_ne!(door.act(&keep("delivered", START)), first);
}

#[test]
fn a_revoked_key_is_known_as_revoked_from_its_answer_on() {
    let mut door = on_a_file();
    furnish(&mut door);
    door.act(&create_key("sl_live_second", START));
    let hash = KeyHash::of("sl_live_second");
    let valid =
        |door: &StoreDoor, now| door.store().directory().key(&hash).map(|owner| owner.key.is_valid(now));
    assert_eq!(valid(&door, at(1)), Some(true));
    door.act(&revoke_key(2, at(1)));
    assert_eq!(valid(&door, at(1)), Some(false));
    door.reopen();
    assert_eq!(valid(&door, at(1)), Some(false));
    assert_eq!(door.store().directory().number_owner(&address(DESK)), Some(ORG));
}
