//! What a user has read: everything that was said up to a time, and of single conversations more than that.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Up to which message a user has read a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMark {
    pub message_index: u32,
    pub read_at: Timestamp,
}

/// How many of `count` messages, which are in the order of their times, are read if those up to `marked` are, and those that
/// `is_old` says of by their index.
pub fn read_of<E>(count: u32, marked: u32, mut is_old: impl FnMut(u32) -> Result<bool, E>) -> Result<u32, E> {
    let (mut read, mut unread) = (marked.min(count), count.saturating_add(1));
    // Mostly it is the next one that is new.
    let mut next = read.saturating_add(1);
    while next < unread {
        match is_old(next)? {
            true => read = next,
            false => unread = next,
        }
        next = read + (unread - read).div_ceil(2);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_found_with_few_looks(count in 0u32..5000, marked in 0u32..6000, old in 0u32..6000) {
            let mut looks = 0;
            let read = read_of(count, marked, |index| {
                looks += 1;
                if (1..=count).contains(&index) { Ok(index <= old) } else { Err(index) }
            });
            prop_assert_eq!(read, Ok(marked.max(old).min(count)));
            prop_assert!(looks <= 14, "{} looks", looks);
        }
    }

    #[test]
    fn of_what_is_marked_and_of_nothing_no_message_is_looked_at() {
        for (count, marked) in [(0, 0), (0, 7), (3, 3), (3, 9), (u32::MAX, u32::MAX)] {
            assert_eq!(read_of(count, marked, Err), Ok(count), "{marked} of {count}");
        }
        assert_eq!(read_of(u32::MAX, 5, |index| Ok::<_, ()>(index <= 3_000_000_000)), Ok(3_000_000_000));
        assert_eq!(read_of(9, 5, Err::<bool, _>), Err(6));
    }
}
