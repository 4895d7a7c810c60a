//! Pagination: how many records to skip and how many to return.

/// `limit` is checked against the route's own bounds where the query is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub skip: u64,
    pub limit: usize,
}

impl Page {
    /// Whether something follows that is not in this page, of which so many items were found of so many in all.
    pub fn has_more(self, items: usize, total: u64) -> bool {
        self.skip.saturating_add(items as u64) < total
    }
}

/// The pages of one walk over a list: tells which of the rows that come by are wanted.
#[derive(Debug)]
pub struct Pager {
    to_skip: u64,
    left: usize,
}

/// What to do with the row at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Skip,
    Take,
    Stop,
}

impl Pager {
    pub fn new(page: Page) -> Pager {
        Pager { to_skip: page.skip, left: page.limit }
    }

    /// True once the page is full: nothing further need be read.
    pub fn is_full(&self) -> bool {
        self.left == 0
    }

    pub fn turn(&mut self) -> Turn {
        if self.left == 0 {
            Turn::Stop
        } else if self.to_skip > 0 {
            self.to_skip -= 1;
            Turn::Skip
        } else {
            self.left -= 1;
            Turn::Take
        }
    }
}
