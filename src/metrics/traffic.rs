//! Requests by method, URL template and status. Each thread counts in a place of its own, as far as there are
//! places: threads that share a counter wait for each other.

use super::text::Text;
use super::value::Histogram;
use super::{HTTP_DURATION, HTTP_REQUESTS, MILLISECOND};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

const BOUNDS: &[u64] = &[
    MILLISECOND,
    5 * MILLISECOND,
    25 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    2_500 * MILLISECOND,
    10_000 * MILLISECOND,
];
const PLACES: usize = 8;
/// Pairs of method and status that one route has; the last takes what finds no room.
const PAIRS: usize = 32;
const METHODS: [&str; 8] = ["other", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const UNMATCHED: &str = "unmatched";

pub struct Traffic {
    routes: Vec<String>,
    /// For each place all routes, and what is on no route.
    places: Vec<Vec<Route>>,
}

struct Route {
    pairs: [Pair; PAIRS],
    took: Histogram,
}

/// Free as long as `which` is zero.
#[derive(Default)]
struct Pair {
    which: AtomicU64,
    count: AtomicU64,
}

/// What a method is counted as.
pub fn method_of(name: &str) -> u64 {
    METHODS.iter().position(|known| *known == name).unwrap_or(0) as u64
}

impl Traffic {
    pub(super) fn new(routes: Vec<String>) -> Traffic {
        let route = |_| Route { pairs: Default::default(), took: Histogram::micros(BOUNDS) };
        let place = |_| (0..=routes.len()).map(route).collect();
        Traffic { places: (0..PLACES).map(place).collect(), routes }
    }

    /// `route`: its place among the templates, `None` for a URL that is not known. `method`: see [`method_of`].
    pub fn note(&self, route: Option<usize>, method: u64, status: u16, took: Duration) {
        let routes = &self.places[own_place()];
        let route = &routes[route.filter(|at| *at < self.routes.len()).unwrap_or(self.routes.len())];
        route.count(u64::from(status) << 8 | method);
        route.took.took(took);
    }

    pub(super) fn write(&self, text: &mut Text) {
        let names = || self.routes.iter().map(String::as_str).chain([UNMATCHED]).enumerate();
        let mut requests = text.family(&HTTP_REQUESTS);
        for (at, name) in names() {
            let mut counts = BTreeMap::new();
            for pair in self.places.iter().flat_map(|routes| &routes[at].pairs) {
                let count = pair.count.load(Ordering::Relaxed);
                if count > 0 {
                    *counts.entry(pair.which.load(Ordering::Relaxed)).or_insert(0) += count;
                }
            }
            for (which, count) in counts {
                let (method, status) = (METHODS[(which & 7) as usize], (which >> 8).to_string());
                requests.value(&[method, name, &status], count);
            }
        }
        let mut durations = text.family(&HTTP_DURATION);
        for (at, name) in names() {
            let parts: Vec<_> = self.places.iter().map(|routes| &routes[at].took).collect();
            if parts.iter().any(|part| part.count() > 0) {
                durations.histogram(&[name], &parts);
            }
        }
    }
}

impl Route {
    fn count(&self, which: u64) {
        let (last, pairs) = self.pairs.split_last().expect("there are pairs");
        let is_it = |pair: &&Pair| {
            let free = pair.which.compare_exchange(0, which, Ordering::Relaxed, Ordering::Relaxed);
            free.map_or_else(|there| there == which, |_| true)
        };
        let known = pairs.iter().find(|pair| pair.which.load(Ordering::Relaxed) == which);
        let pair = known.or_else(|| pairs.iter().find(is_it)).unwrap_or(last);
        pair.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// This thread's place: threads take them in turn.
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % PLACES);
        }
        own.get()
    })
}
