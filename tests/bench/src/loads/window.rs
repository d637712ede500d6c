//! A timed window over a script that plays: warm-up, window, silence, and what the kernel says of it.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::Stage;
use crate::calls::Calls;
use crate::metric::{
    CALLS, CPU_PERCENT, CPU_US, FAULTS, LOAD_PERCENT, P50_US, P99_US, P999_US, PER_SECOND,
    SWITCHES, Sample, sample,
};
use crate::script::{Script, play, rest};
use crate::swarm::Swarm;

/// Processor time of the server and of the load's thread.
struct Clocks {
    at: Instant,
    server: Duration,
    load: Duration,
}

impl Clocks {
    fn read(stage: &Stage) -> Result<Clocks, String> {
        let load = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
            .map_err(|error| format!("the load's own clock: {error}"))?;
        Ok(Clocks {
            at: Instant::now(),
            server: stage.cpu()?,
            load: load.into(),
        })
    }
}

/// Plays `script` from beginning to silence.
///
/// # Errors
/// The server ends, or nothing was heard.
pub(super) fn measure(
    stage: &Stage,
    swarm: &mut Swarm,
    script: &mut impl Script,
) -> Result<Sample, String> {
    let mut sample = timed(stage, swarm, script, true)?;
    rest(swarm, script)?;
    add_faults(&mut sample, swarm, script);
    Ok(sample)
}

/// Adds what went wrong until now.
pub(super) fn add_faults(sample: &mut Sample, swarm: &Swarm, script: &mut impl Script) {
    let missing = script.missing();
    let faults = script.tally().faults(missing) + swarm.ended() as f64;
    sample.insert(FAULTS.key.to_owned(), faults);
}

/// One window in a script that goes on; `is_first` begins it.
///
/// # Errors
/// The server ends, or nothing was heard.
pub(super) fn timed(
    stage: &Stage,
    swarm: &mut Swarm,
    script: &mut impl Script,
    is_first: bool,
) -> Result<Sample, String> {
    if is_first {
        swarm.say(|outgoing| script.begin(outgoing));
    }
    let warm_up = Duration::from_secs_f64(stage.warm_up_seconds);
    play(swarm, script, Instant::now() + warm_up)?;
    script.tally().start();
    let start = Clocks::read(stage)?;
    let length = Duration::from_secs_f64(stage.seconds);
    play(swarm, script, start.at + length)?;
    let end = Clocks::read(stage)?;
    let tally = script.tally();
    if tally.heard == 0 {
        let fault = swarm.first_fault().unwrap_or("no connection ended");
        return Err(format!(
            "nothing was heard in {} s ({fault})",
            stage.seconds
        ));
    }
    let heard = tally.heard as f64;
    let seconds = (end.at - start.at).as_secs_f64();
    let server_us = (end.server - start.server).as_secs_f64() * 1e6;
    let load_us = (end.load - start.load).as_secs_f64() * 1e6;
    let mut sample = sample([
        (CPU_US, server_us / heard),
        (PER_SECOND, heard / seconds),
        (CPU_PERCENT, server_us / seconds / 1e4),
        (LOAD_PERCENT, load_us / seconds / 1e4),
        (P50_US, tally.quantile_us(0.5)),
        (P99_US, tally.quantile_us(0.99)),
        (P999_US, tally.quantile_us(0.999)),
    ]);
    add_counts(stage, swarm, script, &mut sample)?;
    Ok(sample)
}

/// Context switches and system calls, in a window of their own: to read them costs time.
fn add_counts(
    stage: &Stage,
    swarm: &mut Swarm,
    script: &mut impl Script,
    sample: &mut Sample,
) -> Result<(), String> {
    let Some(folder) = stage.calls_folder else {
        return Ok(());
    };
    let calls = Calls::count(&stage.process.ids(), folder);
    let before = script.tally().heard_in_all;
    let switches = stage.process.context_switches();
    let length = Duration::from_secs_f64(stage.seconds / 2.0);
    play(swarm, script, Instant::now() + length)?;
    let switches = stage.process.context_switches() - switches;
    let calls = calls.and_then(Calls::end);
    let heard = (script.tally().heard_in_all - before) as f64;
    if heard > 0.0 {
        sample.insert(SWITCHES.key.to_owned(), switches / heard);
        if let Some(calls) = calls {
            sample.insert(CALLS.key.to_owned(), calls / heard);
        }
    }
    Ok(())
}
