//! What the process has used so far, as the operating system counts it.

/// User and system time of all threads, in seconds.
#[cfg(unix)]
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Not counted here.
#[cfg(not(unix))]
pub fn cpu_seconds() -> f64 {
    f64::NAN
}

/// The most memory that was resident at once, in MiB; `None` where there is no /proc.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib / 102.4).round() / 10.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_are_counted() {
        let before = cpu_seconds();
        let held: Vec<u64> = (0..2_000_000).collect();
        assert!(cpu_seconds() > before);
        assert!(peak_memory().is_some_and(|mib| mib > 15.0), "{:?}", held.last());
    }
}
