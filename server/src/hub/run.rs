//! A run: consecutive broadcasts to one topic as one contiguous piece of bytes.
//!
//! Every member gets the run with one send. A member that one of the broadcasts leaves out, or that
//! is sent something of its own in between, has patches and gets its own copy of the run.

use std::borrow::Cow;
use std::collections::HashMap;

use super::members::TopicId;
use crate::ids::ClientId;

/// For one client, at one place of the run: skip some bytes, then insert some.
struct Patch {
    at: usize,
    skip: usize,
    insert: Vec<u8>,
}

/// The run that a round is collecting.
#[derive(Default)]
pub(super) struct Run {
    topic: Option<TopicId>,
    bytes: Vec<u8>,
    messages: usize,
    patches: HashMap<ClientId, Vec<Patch>>,
}

impl Run {
    /// The topic whose members get it; none while there is nothing to send.
    pub(super) fn topic(&self) -> Option<TopicId> {
        self.topic
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Broadcasts in it.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Appends a frame for all members of `topic`, which is the run's or becomes it.
    pub(super) fn push(&mut self, topic: TopicId, frame: &[u8], except: Option<ClientId>) {
        self.topic = Some(topic);
        if let Some(client) = except {
            let patch = Patch {
                at: self.bytes.len(),
                skip: frame.len(),
                insert: Vec::new(),
            };
            self.patches.entry(client).or_default().push(patch);
        }
        self.bytes.extend_from_slice(frame);
        self.messages += 1;
    }

    /// Puts a frame for one member behind what the run holds so far.
    pub(super) fn insert(&mut self, client: ClientId, frame: Vec<u8>) {
        let patch = Patch {
            at: self.bytes.len(),
            skip: 0,
            insert: frame,
        };
        self.patches.entry(client).or_default().push(patch);
    }

    /// What `client` gets.
    pub(super) fn bytes_for(&self, client: ClientId) -> Cow<'_, [u8]> {
        if self.patches.is_empty() {
            return Cow::Borrowed(&self.bytes);
        }
        let Some(patches) = self.patches.get(&client) else {
            return Cow::Borrowed(&self.bytes);
        };
        let mut patched = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for patch in patches {
            patched.extend_from_slice(&self.bytes[from..patch.at]);
            patched.extend_from_slice(&patch.insert);
            from = patch.at + patch.skip;
        }
        patched.extend_from_slice(&self.bytes[from..]);
        Cow::Owned(patched)
    }

    /// Begins anew, with the memory of the last run.
    pub(super) fn clear(&mut self) {
        self.topic = None;
        self.bytes.clear();
        self.messages = 0;
        self.patches.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Run;
    use crate::hub::members::Members;
    use crate::ids::ClientId;

    #[test]
    fn patches_apply_in_order_and_only_to_their_client() {
        let topic = Members::first_topic();
        let (one, two) = (ClientId(1), ClientId(2));
        let mut run = Run::default();
        run.push(topic, b"aa", None);
        run.insert(one, b"X".to_vec());
        run.push(topic, b"bb", Some(one));
        run.insert(one, b"Y".to_vec());
        run.push(topic, b"cc", Some(two));
        assert_eq!(&*run.bytes_for(one), b"aaXYcc");
        assert_eq!(&*run.bytes_for(two), b"aabb");
        assert_eq!(&*run.bytes_for(ClientId(3)), b"aabbcc");
    }
}
