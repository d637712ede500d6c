//! Pages that the server touches for each client: a count, which no busy machine changes, and so the only figure about
//! connecting that is judged.

use super::connect::quiet_cpu;
use super::{Ability, Bound, Load, Stage};
use crate::metric::{FAULTS, Metric, PAGE_FAULTS, Sample, sample};
use crate::script::{Echo, Script, rest};
use crate::swarm::{Connecting, Swarm, targets};

const CLIENTS: usize = 500;
/// Those that come first pay for what the server needs once.
const BEFORE: usize = 100;
/// Of pages of 4 KiB there are two of the stack, which a new thread is made on, and 1.3 of the heap. One page of stack more was
/// 4.2, measured before the frames of the handshake had been taken off it.
const PAGES_MOST: f64 = 3.75;

pub(super) struct Pages;

impl Load for Pages {
    fn name(&self) -> &'static str {
        "connect-pages"
    }

    fn title(&self) -> &'static str {
        "page faults to let one of 500 in, which stays"
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        BEFORE + CLIENTS
    }

    fn main(&self) -> Metric {
        PAGE_FAULTS
    }

    fn most(&self) -> Option<Bound> {
        Some(Bound {
            most: PAGES_MOST,
            advice: "either a handshake reaches a third page of its thread's stack, see server/src/connection/handshake.rs, \
                     or a client keeps more of the heap",
        })
    }

    fn is_quick(&self) -> bool {
        true
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let one_by_one = Connecting {
            at_once: 1,
            ..Connecting::default()
        };
        let mut swarm = Swarm::new(stage.process.address())?;
        swarm.connect(&targets("/echo", BEFORE), one_by_one)?;
        quiet_cpu(stage.process)?;
        let before = stage.process.page_faults()?;
        swarm.connect(&targets("/echo", CLIENTS), one_by_one)?;
        quiet_cpu(stage.process)?;
        let pages = stage.process.page_faults()? - before;
        // Each of them is really served.
        let mut script = Echo::closed(0..swarm.len(), 64, 1);
        swarm.say(|outgoing| script.begin(outgoing));
        rest(&mut swarm, &mut script)?;
        let missing = script.missing();
        let faults = script.tally().faults(missing) + swarm.ended() as f64;
        Ok(sample([
            (PAGE_FAULTS, pages / CLIENTS as f64),
            (FAULTS, faults),
        ]))
    }
}
