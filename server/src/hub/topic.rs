//! The number of a topic, by which a lane's tables and runs name it. A plain value.

/// Number of a topic while it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopicId(pub(super) u32);

/// The topic of which every client of the route is a member, but for those that are apart.
pub(super) const EVERYONE: TopicId = TopicId(0);

/// Those that are on the route and do not hear yet what is said to everyone. Nothing is ever said to them together.
pub(super) const APART: TopicId = TopicId(u32::MAX);
