//! Which machine this is, and when.

use std::fs;

use serde::{Deserialize, Serialize};

/// What a number is worth nothing without.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Model and number of processors.
    pub processor: String,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// Kernel.
    pub kernel: String,
    /// Day of the run.
    pub date: String,
    /// Others' work on the machine when the run began: the kernel's load average of a minute.
    pub load_average: f64,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown processor", |rest| {
                rest.trim_start_matches([' ', '\t', ':'])
            });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = read("/proc/meminfo");
        let memory_kib = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse::<f64>().ok());
        let load = read("/proc/loadavg");
        let load_average = load.split(' ').next().and_then(|load| load.parse().ok());
        Machine {
            processor: format!("{model}, {cores} processors"),
            memory_gib: (memory_kib.unwrap_or(0.0) / 1024.0 / 1024.0).round(),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            date: today(),
            load_average: load_average.unwrap_or(0.0),
        }
    }
}

fn today() -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    time::OffsetDateTime::now_utc()
        .format(format)
        .unwrap_or_default()
}
