//! An organization copied, erased and put back: everything of it, and nothing of another.

use super::acts::{ANN, DESK, ORG, OTHER_ORG, START, at, message, seconds};
use super::disk::Disk;
use super::door::{Act, execute};
use super::script::{script, sound_state};
use smslite::model::ids::OrganizationId;
use smslite::store::{OrganizationCopy, ReplaceOrganization, Store};

fn live(store: &Store) {
    script().iter().for_each(|act| drop(execute(store, act).unwrap()));
}

fn copy(store: &Store, organization: OrganizationId) -> OrganizationCopy {
    store.snapshot().unwrap().copy_organization(organization).unwrap()
}

fn replace(store: &Store, organization: OrganizationId, with: Option<OrganizationCopy>) {
    store.execute_blocking(ReplaceOrganization { organization, with }).unwrap();
}

#[test]
fn what_is_put_back_is_what_was_copied_and_another_organization_does_not_notice() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    live(&store);
    let before = sound_state(&store.snapshot().unwrap());
    for organization in [ORG, OTHER_ORG] {
        let other = if organization == ORG { OTHER_ORG } else { ORG };
        let (kept, theirs) = (copy(&store, organization), copy(&store, other));
        assert!(kept.bytes() > 0);
        replace(&store, organization, None);
        assert_eq!(copy(&store, organization).bytes(), 0);
        assert_eq!(copy(&store, other), theirs);
        sound_state(&store.snapshot().unwrap());
        replace(&store, organization, Some(kept));
        assert_eq!(sound_state(&store.snapshot().unwrap()), before);
    }
    // What is in memory says what the file says.
    store.close();
    assert_eq!(sound_state(&disk.open().unwrap().snapshot().unwrap()), before);
}

#[test]
fn what_happened_since_is_undone_and_ids_go_on_from_where_they_were() {
    let store = Disk::default().open().unwrap();
    live(&store);
    let kept = copy(&store, ORG);
    let before = sound_state(&store.snapshot().unwrap());
    let later = message("SM-later", ANN, DESK, at(START.0 + seconds(400_000)));
    for _ in 0..2 {
        execute(&store, &Act::Inbound(later.clone())).unwrap();
        let after = sound_state(&store.snapshot().unwrap());
        assert_ne!(after, before);
        replace(&store, ORG, Some(kept.clone()));
        assert_eq!(sound_state(&store.snapshot().unwrap()), before);
    }
}

#[test]
fn keys_and_numbers_of_an_erased_organization_are_nobodys() {
    let store = Disk::default().open().unwrap();
    live(&store);
    let keys = store.snapshot().unwrap().api_keys(ORG).unwrap();
    assert!(!keys.is_empty());
    replace(&store, ORG, None);
    for (_, key) in keys {
        assert!(store.directory().key(&key.hash).is_none());
    }
    assert!(store.directory().organizations().iter().all(|(id, _)| *id != ORG));
    assert_ne!(store.directory().number_owner(&super::acts::address(DESK)), Some(ORG));
}
