//! Certificates of listeners that are at work: renewed at a reload and where their files have changed.
//!
//! Main thread. What is new holds for who comes from then on; what cannot be used is told, and the old stays. Nobody is dropped.

use std::sync::Arc;
use std::time::Instant;

use super::listeners::{Accepting, ListenError, Listeners, Unusable};
use crate::config::{Listen, ListenerSettings};
use crate::tls::{Credentials, IdentityError, Shown};

/// What was read for the listeners that stay.
pub struct Renewed {
    /// By the number of each; none where it speaks TLS no more.
    all: Vec<(usize, Option<Arc<Credentials>>)>,
    /// What cannot be used, so that the old stays.
    pub refused: Vec<String>,
}

/// What the files of a listener have become.
pub enum Look {
    /// New certificates are shown there from now on.
    Renewed(Listen, Vec<Shown>),
    /// They cannot be used.
    Refused(Listen, IdentityError),
}

impl Listeners {
    /// Reads what those of `wanted` are to be secured with that are listened on already.
    ///
    /// # Errors
    /// One that was not secured yet cannot be.
    pub fn renew(&self, wanted: &[ListenerSettings]) -> Result<Renewed, ListenError> {
        let mut renewed = Renewed {
            all: Vec::new(),
            refused: Vec::new(),
        };
        let matching = self.matching(wanted).into_iter();
        for (number, (one, settings)) in self.accepting.iter().zip(matching).enumerate() {
            let Some(settings) = settings else {
                continue;
            };
            let listen = settings.listen.clone();
            let tls = match &settings.tls {
                None => None,
                Some(tls) => match (Credentials::load(&tls.files, one.tls.as_deref()), &one.tls) {
                    (Ok(new), _) => Some(Arc::new(new)),
                    (Err(error), None) => {
                        let error = Unusable::from(error);
                        return Err(ListenError { listen, error });
                    }
                    (Err(error), Some(old)) => {
                        let told = format!("{listen}: tls: {error}; the old certificate stays");
                        renewed.refused.push(told);
                        Some(old.clone())
                    }
                },
            };
            renewed.all.push((number, tls));
        }
        Ok(renewed)
    }

    /// Puts it into force, before any listener goes; gives what there is to tell.
    pub fn secure(&mut self, renewed: Renewed) -> Vec<String> {
        let mut told = Vec::new();
        for (number, tls) in renewed.all {
            let Some(one) = self.accepting.get_mut(number) else {
                continue;
            };
            if let (Some(old), Some(new)) = (&one.tls, &tls)
                && !old.shows_the_same(new)
            {
                told.push(format!("new certificate on {}", one.settings.listen));
            }
            one.tls = tls;
            one.refused = None;
        }
        self.tell_ways();
        told
    }

    /// Looks whether files have changed, of the listeners whose settings want that, and shows what is new.
    pub fn look_at_files(&mut self, now: Instant) -> Vec<Look> {
        let all = self.accepting.iter_mut();
        let looks: Vec<_> = all.filter_map(|one| look(one, now)).collect();
        if !looks.is_empty() {
            self.tell_ways();
        }
        looks
    }

    /// All certificates that are shown, with where.
    pub fn certificates(&self) -> Vec<(Listen, Shown)> {
        let secured = self.accepting.iter().filter_map(|one| {
            let listen = &one.settings.listen;
            one.tls.as_ref().map(|tls| (listen, tls))
        });
        let all = secured.flat_map(|(listen, tls)| {
            let shown = tls.shown().iter();
            shown.map(|shown| (listen.clone(), shown.clone()))
        });
        all.collect()
    }
}

fn look(one: &mut Accepting, now: Instant) -> Option<Look> {
    let interval = one.settings.tls.as_ref()?.watch?;
    if now < one.looked + interval {
        return None;
    }
    one.looked = now;
    let old = one.tls.as_ref().filter(|old| old.has_changed())?;
    let stamp = old.files().stamp();
    if one.refused.as_ref() == Some(&stamp) {
        return None;
    }
    let listen = one.settings.listen.clone();
    match Credentials::load(old.files(), Some(old)) {
        Ok(new) => {
            let shown = new.shown().to_vec();
            one.tls = Some(Arc::new(new));
            one.refused = None;
            Some(Look::Renewed(listen, shown))
        }
        Err(error) => {
            one.refused = Some(stamp);
            Some(Look::Refused(listen, error))
        }
    }
}
