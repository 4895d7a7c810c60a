//! Counts requests by the URL's template. What was called is looked up a second time, beside the router: what the
//! router finds it tells nobody, and a layer would cost each request more.

use crate::metrics::{Metrics, method_of};
use axum::http::{Request, StatusCode};
use std::sync::Arc;
use std::time::Instant;

pub(super) struct Meter {
    metrics: Arc<Metrics>,
    /// The place of each URL's template among the names.
    paths: matchit::Router<usize>,
    names: Vec<String>,
}

/// A request that is being answered.
pub(super) struct Metered {
    route: Option<usize>,
    method: u64,
    began: Instant,
}

impl Meter {
    pub(super) fn new(metrics: Arc<Metrics>) -> Meter {
        Meter { metrics, paths: matchit::Router::new(), names: Vec::new() }
    }

    /// Counts what is called by one of these templates under one name.
    pub(super) fn add(&mut self, name: &str, templates: &[&str]) {
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        for template in templates {
            // One that is there already is counted under its first name.
            let _ = self.paths.insert(*template, place);
        }
    }

    pub(super) fn begin<B>(&self, request: &Request<B>) -> Metered {
        let route = self.paths.at(request.uri().path()).ok().map(|found| *found.value);
        Metered { route, method: method_of(request.method().as_str()), began: Instant::now() }
    }

    pub(super) fn end(&self, request: &Metered, status: StatusCode) {
        let traffic = self.metrics.traffic(|| self.names.clone());
        traffic.note(request.route, request.method, status.as_u16(), request.began.elapsed());
    }
}
