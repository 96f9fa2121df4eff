//! Other programs: run to the end within a limit, or started in the background and ended by identity.
//! Not a supervisor: what runs in the background is on its own.

use crate::interrupt;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a waiting loop looks again.
pub const TICK: Duration = Duration::from_millis(50);

/// Runs a command to its end, its output going to `log`. An interrupt or the limit ends it.
pub fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<ExitStatus> {
    let mut child = spawn(command, log)?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a process")? {
            return Ok(status);
        }
        let overdue = Instant::now() >= deadline;
        if overdue || interrupt::came() {
            // It may have ended by itself in between; either way it is gone after the wait.
            let _ = child.kill();
            child.wait().context("cannot wait for a process")?;
            interrupt::check()?;
            bail!("{:?} took longer than {} s", command.get_program(), limit.as_secs());
        }
        std::thread::sleep(TICK);
    }
}

/// Starts a command with no input, its output going to `log`, in a process group of its own: it outlives the
/// terminal and hears no Ctrl-C.
pub fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    spawn_into(command, File::create(log).with_context(|| format!("cannot write {}", log.display()))?)
}

/// The same behind what is in `log` already.
pub fn spawn_again(command: &mut Command, log: &Path) -> Result<Child> {
    let file = File::options().create(true).append(true).open(log);
    spawn_into(command, file.with_context(|| format!("cannot write {}", log.display()))?)
}

fn spawn_into(command: &mut Command, file: File) -> Result<Child> {
    let errors = file.try_clone().context("cannot share a log file")?;
    command.stdin(Stdio::null()).stdout(file).stderr(errors);
    own_group(command);
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    // Linux lets us go on while the new process still shows our own arguments, then none for a moment, and they
    // are its identity.
    let ours = arguments(std::process::id());
    let starting = |child: &Child| {
        let shown = arguments(child.id());
        shown.is_empty() || shown == ours
    };
    let deadline = Instant::now() + Duration::from_secs(1);
    while starting(&child) && Instant::now() < deadline {
        if child.try_wait().context("cannot look at a process")?.is_some() {
            break;
        }
        std::thread::yield_now();
    }
    Ok(child)
}

/// A process that some run of ours started, named by its id and by an argument that no other process has:
/// ids are used again, so an id alone proves nothing.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// The argument that makes it ours.
    pub argument: PathBuf,
}

impl Identity {
    /// Whether that very process still runs. One that has ended and waits to be reaped has no arguments left.
    pub fn runs(&self) -> bool {
        arguments(self.pid).iter().any(|argument| Path::new(argument) == self.argument)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.runs()) {
            // It may end between the two calls, which is what we are after.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Ends processes: asks with TERM, and with KILL those that are still there after `grace`. Those that do not
/// run any more, or whose id belongs to someone else by now, are left alone.
pub fn end(processes: &[Identity], grace: Duration) -> Result<()> {
    processes.iter().for_each(|process| process.signal(Signal::TERM));
    if run_after(processes, grace) { kill(processes) } else { Ok(()) }
}

/// Ends processes without asking. Those that do not run any more are left alone.
pub fn kill(processes: &[Identity]) -> Result<()> {
    processes.iter().for_each(|process| process.signal(Signal::KILL));
    if run_after(processes, Duration::from_secs(5)) {
        let pids: Vec<_> = processes.iter().filter(|p| p.runs()).map(|p| p.pid.to_string()).collect();
        bail!("cannot end process {}", pids.join(", "));
    }
    Ok(())
}

/// Whether one of them still runs after this time; waits no longer than they run.
fn run_after(processes: &[Identity], limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while processes.iter().any(Identity::runs) {
        if Instant::now() >= deadline {
            return true;
        }
        std::thread::sleep(TICK);
    }
    false
}

/// A program in the foreground together with everything it starts: dropping this ends what is left of them.
pub struct Group {
    /// The program itself.
    pub child: Child,
}

impl Group {
    /// Starts a command with no input in a process group of its own, so that an interrupt reaches us first.
    pub fn start(command: &mut Command) -> Result<Group> {
        own_group(command);
        let started = command.stdin(Stdio::null()).spawn();
        Ok(Group { child: started.with_context(|| format!("cannot start {:?}", command.get_program()))? })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // An id that was waited for may belong to someone else by now.
        if let Ok(None) = self.child.try_wait() {
            let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
}

fn arguments(pid: u32) -> Vec<String> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        let parts = bytes.split(|&byte| byte == 0).filter(|part| !part.is_empty());
        return parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    }
    if Path::new("/proc/self/cmdline").exists() {
        return Vec::new();
    }
    // Without /proc; an argument that has spaces in it is not recognised.
    let listed = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    listed.map_or_else(
        |_| Vec::new(),
        |output| String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(argument: &str) -> (Child, Identity) {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do sleep 1; done", argument]);
        let child = spawn(&mut command, Path::new("/dev/null")).expect("a shell starts");
        let identity = Identity { pid: child.id(), argument: argument.into() };
        (child, identity)
    }

    #[test]
    fn a_process_with_other_arguments_is_not_ended() {
        let (mut child, identity) = sleeper("this-one");
        let other = Identity { argument: "another-one".into(), ..identity.clone() };
        end(&[other], Duration::from_secs(5)).expect("there is nothing to end");
        assert!(identity.runs());
        end(std::slice::from_ref(&identity), Duration::from_secs(5)).expect("a shell ends on TERM");
        assert!(!identity.runs());
        child.wait().expect("it has ended");
    }

    #[test]
    fn a_process_that_hears_no_term_can_be_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; while :; do sleep 1; done", "a-deaf-one"]);
        let mut child = spawn(&mut command, Path::new("/dev/null")).expect("a shell starts");
        let identity = Identity { pid: child.id(), argument: "a-deaf-one".into() };
        kill(std::slice::from_ref(&identity)).expect("everyone hears KILL");
        assert!(!identity.runs());
        child.wait().expect("it has ended");
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let mut command = Command::new("sleep");
        let error =
            run(command.arg("600"), Path::new("/dev/null"), Duration::ZERO).expect_err("it is too slow");
        assert!(error.to_string().contains("took longer than 0 s"), "{error}");
    }
}
