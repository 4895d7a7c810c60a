//! Pages of lists: where the one before and the one after are, with the filters that this one has.

use crate::model::page::Page;

pub struct Paging {
    path: String,
    /// The filters that are set, as a query.
    filters: String,
    skip: u64,
    pub previous: Option<String>,
    pub next: Option<String>,
    /// What the links to them are called.
    pub names: (&'static str, &'static str),
}

impl Paging {
    /// `more`: whether something follows.
    pub fn new(path: impl Into<String>, fields: &[(&str, &str)], page: Page, more: bool) -> Paging {
        let mut filters = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            filters.append_pair(name, value);
        }
        let (filters, names) = (filters.finish(), ("Newer", "Older"));
        let mut paging =
            Paging { path: path.into(), filters, skip: page.skip, previous: None, next: None, names };
        let limit = page.limit as u64;
        paging.previous = (page.skip > 0).then(|| paging.at(page.skip.saturating_sub(limit)));
        paging.next = more.then(|| paging.at(page.skip.saturating_add(limit)));
        paging
    }

    /// Of what is not in the order of time, the newest first.
    pub fn named(self, previous: &'static str, next: &'static str) -> Paging {
        Paging { names: (previous, next), ..self }
    }

    /// This page.
    pub fn here(&self) -> String {
        self.at(self.skip)
    }

    fn at(&self, skip: u64) -> String {
        let skip = if skip > 0 { format!("skip={skip}") } else { String::new() };
        let both = [self.filters.as_str(), &skip];
        let query = both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_of_a_page_keep_its_filters() {
        let page = |skip| Page { skip, limit: 50 };
        let fields = [("q", "a&b"), ("status", "")];
        let some = |text: &str| Some(text.to_owned());
        for (page, more, here, previous, next) in [
            (page(0), false, "/x?q=a%26b", None, None),
            (page(0), true, "/x?q=a%26b", None, some("/x?q=a%26b&skip=50")),
            (page(50), true, "/x?q=a%26b&skip=50", some("/x?q=a%26b"), some("/x?q=a%26b&skip=100")),
            (page(7), false, "/x?q=a%26b&skip=7", some("/x?q=a%26b"), None),
        ] {
            let paging = Paging::new("/x", &fields, page, more);
            assert_eq!((paging.here().as_str(), paging.previous, paging.next), (here, previous, next));
        }
        assert_eq!(Paging::new("/x", &[], page(0), false).here(), "/x");
    }
}
