//! Certificates that are at work: looked at now and then, and told of before they end.
//!
//! Main thread, between its other work.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use log::{error, info, warn};

use crate::admin::Certificate;
use crate::entrance::listeners::Listeners;
use crate::entrance::secured::Look;
use crate::life::admin::Admin;
use crate::limits::{TLS_DAYS_LOW, TLS_LOOK};
use crate::tls::Shown;

/// When to look, and what was told.
pub(crate) struct Certificates {
    next_look: Instant,
    /// Days that were left when the log has told so, by file.
    told: HashMap<PathBuf, i64>,
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates {
            next_look: Instant::now(),
            told: HashMap::new(),
        }
    }
}

impl Certificates {
    /// Once a second: shows new certificates where the settings want that without a reload, and tells now and then of those
    /// that end soon.
    pub(crate) fn look(&mut self, now: Instant, listeners: &mut Listeners, admin: &Admin) {
        let looks = listeners.look_at_files(now);
        if looks.is_empty() && now < self.next_look {
            return;
        }
        self.next_look = now + TLS_LOOK;
        for look in looks {
            match look {
                Look::Renewed(listen, shown) => {
                    let days = shown.iter().map(Shown::days_left).min();
                    info!(
                        "new certificate on {listen}, for {} days",
                        days.unwrap_or(0)
                    );
                }
                Look::Refused(listen, why) => {
                    error!("{listen}: tls: {why}; the old certificate stays");
                }
            }
        }
        self.report(listeners, admin);
    }

    /// Tells of those that end soon, each day once, and lets the metrics know of all.
    pub(crate) fn report(&mut self, listeners: &Listeners, admin: &Admin) {
        let all = listeners.certificates();
        for (listen, shown) in &all {
            let days = shown.days_left();
            let told = self.told.get(&shown.file);
            if days >= TLS_DAYS_LOW {
                self.told.remove(&shown.file);
            } else if told != Some(&days) {
                self.told.insert(shown.file.clone(), days);
                let (file, names) = (shown.file.display(), shown.names.join(", "));
                match days {
                    0.. => warn!("{listen}: the certificate {file} ({names}) ends in {days} days"),
                    _ => error!("{listen}: the certificate {file} ({names}) has ended"),
                }
            }
        }
        let certificates = all.into_iter().map(|(listen, shown)| Certificate {
            listener: listen.to_string(),
            file: shown.file.display().to_string(),
            expires: shown.expires,
        });
        let certificates = certificates.collect();
        admin.publish(|published| published.certificates = certificates);
    }
}
