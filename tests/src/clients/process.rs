//! Other programs: fed with lines, read to their end, within a limit. Not for programs in the background.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A JVM that reads 100,000 records on a busy machine takes a tenth of this.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    deadline: Instant,
}

impl Running {
    /// Starts a program that reads `input`.
    ///
    /// # Panics
    /// If there is no such program.
    #[must_use]
    pub fn start(command: &mut Command, input: Vec<u8>) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let mut stdin = child.stdin.take().expect("a piped input");
        // A program that ends early says why by its status.
        thread::spawn(move || _ = stdin.write_all(&input));
        let stdout = Some(reader(child.stdout.take().expect("a piped output")));
        let stderr = Some(reader(child.stderr.take().expect("a piped output")));
        Self { name, child, stdout, stderr, deadline: Instant::now() + LIMIT }
    }

    /// Waits until it ends and returns what it printed.
    ///
    /// # Panics
    /// If it fails, takes too long, or prints something that is not text.
    #[must_use]
    pub fn output(mut self) -> String {
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break Some(status),
                None if Instant::now() >= self.deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_none() {
            self.end();
        }
        let read = |handle: Option<JoinHandle<Vec<u8>>>| {
            handle.map(|handle| handle.join().expect("reading does not panic")).unwrap_or_default()
        };
        let (stdout, stderr) = (read(self.stdout.take()), read(self.stderr.take()));
        let name = &self.name;
        let said = String::from_utf8_lossy(&stderr);
        let status = status.unwrap_or_else(|| panic!("{name} took longer than {LIMIT:?}:\n{said}"));
        assert!(status.success(), "{name} failed ({status}):\n{said}");
        String::from_utf8(stdout).unwrap_or_else(|error| panic!("{name} printed no text: {error}"))
    }

    fn end(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        // What was read until an error is still worth showing.
        _ = from.read_to_end(&mut read);
        read
    })
}
