//! The extensions `detent.journal/1` and `/2` of the host in memory.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::disk;
use super::host::MemoryHost;
use super::http::draft_of;
use super::journal::{Notices, Since, place, text};
use super::place::status;
use super::received::Received;
use super::world::{JoinOrder, KeepOrder, Order, message, topic};
use crate::abi::{self, Bytes, POSITION_BYTES, Status};

static FIRST: abi::Journal = abi::Journal {
    size: std::mem::offset_of!(abi::Journal, apart) as u32,
    reserved: 0,
    publish: publish::<1>,
    join_from: join_from::<1>,
    read: read::<1>,
    envelope,
    apart,
};

static SECOND: abi::Journal = abi::Journal {
    size: size_of::<abi::Journal>() as u32,
    reserved: 0,
    publish: publish::<2>,
    join_from: join_from::<2>,
    read: read::<2>,
    envelope,
    apart,
};

pub(super) fn first() -> *const c_void {
    (&raw const FIRST).cast()
}

pub(super) fn second() -> *const c_void {
    (&raw const SECOND).cast()
}

/// Whose journal is meant: an empty name stands for everyone, from version 2 on.
fn journal(name: &[u8], version: u32) -> Result<String, Status> {
    match name {
        [] if version >= 2 => Ok(String::new()),
        name => topic(name),
    }
}

const NOWHERE: [u8; POSITION_BYTES] = [0; POSITION_BYTES];

unsafe extern "C" fn publish<const VERSION: u32>(
    host: *const abi::Host,
    publish: *const abi::JournalPublish,
    published: *mut abi::JournalPublished,
) -> Status {
    // SAFETY: the plugin vouches for host and struct, as the ABI asks.
    let (host, publish) = unsafe { (MemoryHost::from_abi(host), &*publish) };
    // SAFETY: as above.
    let order = unsafe { keep_order(publish, VERSION) };
    status(order.and_then(|order| {
        host.check()?;
        let is_durable = publish.flags & abi::JOURNAL_DURABLE != 0;
        let (has_file, fails) = {
            let state = host.world.lock();
            (state.keeping.has_file, state.disk_fails)
        };
        if is_durable && !has_file {
            return Err(abi::UNSUPPORTED);
        }
        let told = if host.is_held() {
            host.post(Order::Keep(Box::new(order)))?;
            (NOWHERE, 0)
        } else {
            let published = host.world.lock().keep(order);
            (text(published.epoch, published.position), published.members)
        };
        if is_durable && fails && !disk::answer_waits() && VERSION >= 2 && disk::may_wait() {
            return Err(abi::NOT_STORED);
        }
        if !published.is_null() {
            // SAFETY: as above; in C it may hold nothing yet, so that it is written and never referred to.
            unsafe { ((*published).position, (*published).members) = told };
        }
        Ok(())
    }))
}

unsafe fn keep_order(publish: &abi::JournalPublish, version: u32) -> Result<KeepOrder, Status> {
    // SAFETY: as the caller says.
    let (name, payload) = unsafe { (publish.topic.as_slice(), publish.payload.as_slice()) };
    let order = KeepOrder {
        topic: journal(name, version)?,
        message: message(publish.kind, payload)?,
        position_at: place(publish.position_at, payload)?,
        except: publish.except,
    };
    Ok(order)
}

unsafe extern "C" fn join_from<const VERSION: u32>(
    host: *const abi::Host,
    join: *const abi::JournalJoin,
    joined: *mut abi::JournalJoined,
) -> Status {
    // SAFETY: the plugin vouches for host and struct, as the ABI asks.
    let (host, join) = unsafe { (MemoryHost::from_abi(host), &*join) };
    // SAFETY: as above.
    let order = unsafe { join_order(join, VERSION) };
    status(order.and_then(|order| {
        host.check_client(order.client)?;
        if order.topic.is_empty() && !host.world.lock().came_apart(order.client) {
            return Err(abi::UNSUPPORTED);
        }
        let told = if host.is_held() {
            host.post(Order::JoinFrom(Box::new(order)))?;
            (abi::JOINED_LATER, NOWHERE)
        } else {
            let joined = host.world.lock().join_from(&order)?;
            (joined.outcome, text(joined.epoch, joined.position))
        };
        if !joined.is_null() {
            // SAFETY: as above; in C it may hold nothing yet, so that it is written and never referred to.
            unsafe { ((*joined).outcome, (*joined).position) = told };
        }
        Ok(())
    }))
}

unsafe fn join_order(join: &abi::JournalJoin, version: u32) -> Result<JoinOrder, Status> {
    let notices = [&join.fresh, &join.recovered, &join.gap];
    // SAFETY: as the caller says.
    let [fresh, recovered, gap] = notices.map(|of| unsafe { notice(of) });
    // SAFETY: as the caller says.
    let (name, position) = unsafe { (join.topic.as_slice(), join.position.as_slice()) };
    Ok(JoinOrder {
        client: join.client,
        topic: journal(name, version)?,
        since: Since::read(join.since, position, join.last)?,
        notices: Notices([fresh?, recovered?, gap?]),
    })
}

unsafe fn notice(notice: &abi::JournalNotice) -> Result<Option<(Received, Option<usize>)>, Status> {
    if notice.kind == 0 {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    let payload = unsafe { notice.payload.as_slice() };
    let said = message(notice.kind, payload)?;
    Ok(Some((said, place(notice.position_at, payload)?)))
}

unsafe extern "C" fn read<const VERSION: u32>(
    host: *const abi::Host,
    read: *const abi::JournalRead,
    messages: *const abi::JournalMessages,
    kept: *mut abi::JournalKept,
) -> Status {
    // SAFETY: the plugin vouches for all of them, as the ABI asks.
    let (host, read, messages) = unsafe { (MemoryHost::from_abi(host), &*read, &*messages) };
    if kept.is_null() {
        return abi::INVALID;
    }
    // SAFETY: as above.
    let (name, position) = unsafe { (read.topic.as_slice(), read.position.as_slice()) };
    let found = journal(name, VERSION).and_then(|topic| {
        host.check()?;
        let since = Since::read(read.since, position, read.last)?;
        let mut state = host.world.lock();
        if state.asks_disk(&topic, &since) && !disk::is_known() {
            return Err(abi::LATER);
        }
        Ok(state.read(&topic, &since, read.messages_max, read.bytes_max))
    });
    let found = match found {
        Ok(found) => found,
        Err(status) => return status,
    };
    for (position, message) in &found.messages {
        let kind = match message {
            Received::Text(_) => abi::TEXT,
            Received::Binary(_) => abi::BINARY,
        };
        let (position, payload) = (text(found.epoch, *position), Bytes::new(message.as_bytes()));
        // SAFETY: the function and its context belong together.
        unsafe { (messages.write)(messages.context, Bytes::new(&position), kind, payload) };
    }
    // SAFETY: as above; in C it may hold nothing yet, so that it is written and never referred to.
    unsafe {
        (*kept).outcome = found.outcome;
        (*kept).next = text(found.epoch, found.next);
        (*kept).has_more = found.has_more.into();
    }
    abi::OK
}

/// A client here sees what is said, and no encoding of it.
unsafe extern "C" fn envelope(_response: *mut abi::Response) -> Status {
    abi::OK
}

unsafe extern "C" fn apart(response: *mut abi::Response) -> Status {
    draft_of(response).is_apart = true;
    abi::OK
}
