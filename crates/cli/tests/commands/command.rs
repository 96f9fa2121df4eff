//! Running the command, and a broker to run it against.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// What a run of the command left behind.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `ottla` with arguments separated by spaces.
pub fn ottla(arguments: &str) -> Finished {
    let output = command(arguments).output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("utf-8");
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(arguments.split_whitespace()).env_remove("CLICOLOR_FORCE");
    command
}

/// `ottla broker` as a process; ends when dropped.
pub struct BrokerProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub bootstrap_servers: String,
}

impl BrokerProcess {
    /// Starts it on free ports, and waits until it is ready.
    pub fn start(arguments: &str) -> Self {
        let mut command = command(&format!("broker --listen 127.0.0.1:0 {arguments}"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the broker says something");
        let ready = line.strip_prefix("ready ").expect("the first line says ready");
        let bootstrap_servers = ready.trim_end().to_owned();
        Self { child, stdout, bootstrap_servers }
    }

    /// Sends a signal, and waits for the end: how it was, and what else was printed.
    #[cfg(unix)]
    pub fn end_by(mut self, signal: rustix::process::Signal) -> (ExitStatus, String) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it runs");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        (self.child.wait().expect("it was started"), rest)
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address where nobody listens.
pub fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("bound").to_string()
}
