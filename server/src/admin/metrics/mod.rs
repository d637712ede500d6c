//! The figures as Prometheus reads them (text format 0.0.4).
//!
//! The one place that names prometheus-client. Labels are routes, plugins, callbacks, statuses and close codes
//! that have a place of their own, so that their number is bounded by the configuration; those of plugins are bounded
//! by themselves.

mod engine;
mod own_metrics;
mod process;
mod routes;
mod server;
mod store;
mod tls;
mod traffic;
mod writer;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::registry::Registry;

use super::figures::Figures;
use writer::Writer;

/// What the answer says it is.
pub(super) const TYPE: &str = CONTENT_TYPE;

/// All metrics as text.
pub(super) fn text(figures: Figures) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::new(Page(figures))));
    let mut text = String::new();
    // Writing to a string cannot fail.
    encode(&mut text, &registry).ok();
    text
}

#[derive(Debug)]
struct Page(Figures);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        server::write(&self.0, &mut writer)?;
        traffic::write(&self.0, &mut writer)?;
        tls::write(&self.0, &mut writer)?;
        store::write(&self.0, &mut writer)?;
        routes::write(&self.0, &mut writer)?;
        engine::write(&self.0, &mut writer)?;
        process::write(&self.0, &mut writer)?;
        own_metrics::write(&self.0, &mut writer)
    }
}
