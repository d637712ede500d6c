//! What is missing of a stream, as the plugin of its route is told. Plain values.

use crate::journal::Position;

/// Something that hosts have said is missing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub cause: GapCause,
    /// The last that was heard here before it.
    pub from: Position,
    /// Behind it everything is heard again.
    pub to: Position,
}

/// Why it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// The stream had let it go before it was read here.
    Missed,
    /// Redis has lost what hosts have heard.
    Lost,
}

/// Told of each gap, by the thread that has found it. Never waits.
pub type TellGap = Box<dyn Fn(Gap) + Send>;

impl Gap {
    /// Both as one: what follows this before anybody was told of it.
    pub fn followed_by(self, next: Gap) -> Gap {
        let is_loss = [self.cause, next.cause].contains(&GapCause::Lost);
        Gap {
            cause: match is_loss {
                true => GapCause::Lost,
                false => GapCause::Missed,
            },
            from: self.from,
            to: next.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gap, GapCause};
    use crate::journal::{Epoch, Position};

    #[test]
    fn two_gaps_are_one_from_the_first_to_the_last_and_a_loss_where_one_is() {
        let at = |offset| Position {
            epoch: Epoch::LAST,
            offset,
        };
        let gap = |cause, from, to| Gap {
            cause,
            from: at(from),
            to: at(to),
        };
        let (missed, lost) = (GapCause::Missed, GapCause::Lost);
        for (first, second, both) in [
            (missed, missed, missed),
            (missed, lost, lost),
            (lost, missed, lost),
            (lost, lost, lost),
        ] {
            let one = gap(first, 1, 3).followed_by(gap(second, 5, 9));
            assert_eq!(one, gap(both, 1, 9));
        }
    }
}
