//! What the process takes of the machine.

use std::fmt;

use super::writer::{Labels, Writer, one};
use crate::admin::figures::Figures;

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let process = &figures.process;
    let help = "Processor time that the process has used";
    writer.counters(
        "process_cpu_seconds",
        help,
        [(Labels::new(), process.cpu_seconds)],
    )?;
    let help = "What is held for clients, as far as limits.memory counts it";
    let parts = figures.memory.parts.iter();
    let rows = parts.map(|&(name, bytes)| (one("part", name), bytes as f64));
    writer.gauges("detent_memory_held_bytes", help, rows)?;
    let help = "How much may be held, limits.memory";
    writer.gauge(
        "detent_memory_limit_bytes",
        help,
        figures.memory.limit as f64,
    )?;
    let help = "When the process started, in seconds since 1970";
    writer.gauge("process_start_time_seconds", help, figures.started)?;
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Memory of the process that is resident",
            process.resident_bytes,
        ),
        (
            "process_resident_memory_peak_bytes",
            "The most that it ever was",
            process.peak_resident_bytes,
        ),
        ("process_threads", "Threads of the process", process.threads),
        (
            "process_open_fds",
            "Open files of the process",
            process.open_files,
        ),
        (
            "process_max_fds",
            "Files that it may have open",
            process.open_files_max,
        ),
        (
            "detent_kernel_tcp_bytes",
            "Kernel buffers of TCP, of the whole machine or network namespace: no memory of the process",
            process.kernel_tcp_bytes,
        ),
    ] {
        writer.gauge(name, help, value as f64)?;
    }
    Ok(())
}
