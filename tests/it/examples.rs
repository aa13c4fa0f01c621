//! The examples, run as anybody would run them: the built programs, real sockets, pipes, files and
//! terminals.
#![cfg_attr(not(unix), allow(dead_code))] // some of them are for Unix only

mod ctrl_c;
mod echo_protocol;
mod epoll_http;
mod http_hello;
mod level_and_edge;
mod line_chat;
mod message_queues;
mod print_server;
mod redis_kv;
mod run_command;
mod select_echo;
mod server_models;
mod socketserver;
mod stdin_quits;
mod tcp_proxy;
mod timers;
mod upper_client;
mod upper_echo;
mod wake_from_thread;
mod worker_pool;

use crate::util::LONG;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The built example of that name. `cargo test` has built it, `cargo test --test it` has not.
fn example(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let test = env::current_exe().expect("the path of this program");
    let profile = test.ancestors().nth(2).expect("this program is in target/PROFILE/deps");
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_up_to_date(&program, name) {
        let profile_name = match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let cargo = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", name, "--profile", profile_name, "--target-dir"])
            .arg(profile.parent().expect("a profile is in the target folder"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo can be run");
        assert!(cargo.status.success(), "{name} cannot be built: {}", String::from_utf8_lossy(&cargo.stderr));
        assert!(program.exists(), "{} is not there: `cargo build --examples` makes it", program.display());
    }
    program
}

fn is_up_to_date(program: &Path, name: &str) -> bool {
    fn changed(path: &Path) -> Option<SystemTime> {
        if path.is_dir() {
            let entries = fs::read_dir(path).ok()?;
            entries.flatten().filter_map(|entry| changed(&entry.path())).max()
        } else {
            path.metadata().ok()?.modified().ok()
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = root.join("examples");
    let paths = [root.join("src"), examples.join("around"), examples.join(format!("{name}.rs")), examples.join(name)];
    let sources = paths.iter().filter_map(|path| changed(path)).max();
    changed(program).is_some_and(|built| Some(built) >= sources)
}

/// A program that was started. It is killed when this is dropped.
struct Running {
    child: Child,
    stdout: Transcript,
    stderr: Transcript,
}

/// How a program ended, and what it had said.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Running {
    /// Starts `command`. Its standard input is what `command` says, or else empty.
    fn start(command: &mut Command) -> Running {
        let command = command.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Transcript::of(child.stdout.take().expect("it is piped"));
        let stderr = Transcript::of(child.stderr.take().expect("it is piped"));
        Running { child, stdout, stderr }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself, its standard input being closed.
    fn ended(mut self) -> Ended {
        drop(self.child.stdin.take());
        self.stdout.wait_for_end();
        self.stderr.wait_for_end();
        let status = self.child.wait().expect("it is our child");
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.id() as i32).expect("a child has a number");
        rustix::process::kill_process(pid, signal).expect("it is our child");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It could not do what it was asked for, and says why, in one sentence to the user.
    #[track_caller]
    fn refused_because(&self, sentence: &str) {
        assert_eq!(self.status.code(), Some(1), "standard error: {}", self.stderr);
        assert!(self.stderr.contains(sentence), "{:?} does not say {sentence:?}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "more than a sentence: {}", self.stderr);
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains('{'), "no sentence: {}", self.stderr);
    }
}

/// What a program says, as it comes.
struct Transcript {
    chunks: Receiver<Vec<u8>>,
    said: Vec<u8>,
    /// How much of it was waited for.
    seen: usize,
}

impl Transcript {
    fn of(mut output: impl Read + Send + 'static) -> Transcript {
        let (sender, chunks) = channel();
        // Ends at the end of the output, or (`EIO`) when nobody has the other side of a terminal.
        thread::spawn(move || {
            let mut buf = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = output.read(&mut buf) {
                if sender.send(buf[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Transcript { chunks, said: Vec::new(), seen: 0 }
    }

    /// Waits until `words` are said, after those that were waited for before.
    #[track_caller]
    fn wait_for(&mut self, words: &str) {
        loop {
            let new = &self.said[self.seen..];
            if let Some(at) = new.windows(words.len()).position(|window| window == words.as_bytes()) {
                self.seen += at + words.len();
                return;
            }
            match self.chunks.recv_timeout(LONG) {
                Ok(chunk) => self.said.extend(chunk),
                Err(error) => panic!("{words:?} does not come ({error}), but: {:?}", self.text()),
            }
        }
    }

    #[track_caller]
    fn wait_for_end(&mut self) {
        let deadline = Instant::now() + LONG;
        loop {
            match self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.said.extend(chunk),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
                Err(error) => panic!("the program does not end ({error}), and has said: {:?}", self.text()),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }
}

/// A running example that is a server: `upper_echo`, unless another is named.
struct Server {
    program: Running,
    addr: SocketAddr,
}

impl Server {
    fn start(args: &[&str]) -> Server {
        Server::of("upper_echo", args)
    }

    fn of(name: &str, args: &[&str]) -> Server {
        Server::start_by(Command::new(example(name)).arg("127.0.0.1:0").args(args))
    }

    fn start_by(command: &mut Command) -> Server {
        let mut program = Running::start(command);
        program.stdout.wait_for("\n");
        let said = program.stdout.text();
        let addr = said.strip_prefix("listening on ").and_then(|addr| addr.trim_end().parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("it does not say where it listens, but: {said:?}"));
        Server { program, addr }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("the server listens");
        stream.set_read_timeout(Some(LONG)).expect("it is not zero");
        stream.set_write_timeout(Some(LONG)).expect("it is not zero");
        stream.set_nodelay(true).expect("the connection stands");
        stream
    }
}

/// Sends `text`, and sees that it is answered with `answer`.
#[track_caller]
fn ask(stream: &mut TcpStream, text: &[u8], answer: &[u8]) {
    stream.write_all(text).expect("the server takes it");
    expect_answer(stream, answer);
}

#[track_caller]
fn expect_answer(stream: &mut TcpStream, answer: &[u8]) {
    let mut buf = vec![0; answer.len()];
    stream.read_exact(&mut buf).expect("the server answers");
    let same = buf.iter().zip(answer).take_while(|(a, b)| a == b).count();
    let told = |bytes: &[u8]| String::from_utf8_lossy(&bytes[same..bytes.len().min(same + 80)]).into_owned();
    assert!(buf == answer, "after {same} bytes: {:?} instead of {:?}", told(&buf), told(answer));
}

#[track_caller]
fn expect_end(stream: &mut TcpStream) {
    let n = stream.read(&mut [0]).expect("the server closes in order");
    assert_eq!(n, 0, "it says more");
}

/// Letters that do not repeat with any likely period, so that what is lost or out of order shows.
fn letters(range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(|at| b'a' + ((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8 % 26).collect()
}

/// Writes such letters until there is no room: nobody has read for a while. Answers how many.
fn write_until_full(stream: &mut TcpStream) -> usize {
    use std::io::ErrorKind;
    const MAX: usize = 64 << 20;
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("it is not zero");
    let mut written = 0;
    while written < MAX {
        match stream.write(&letters(written..written + 64 * 1024)) {
            Ok(n) => written += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                stream.set_write_timeout(Some(LONG)).expect("it is not zero");
                return written;
            }
            // With a timeout set, a write ends also when the process was stopped and went on.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("cannot write: {error}"),
        }
    }
    panic!("it takes {MAX} bytes and more from a client that reads none of its answers");
}

/// Writes all of `bytes`, beside what else is done with the connection.
fn write_all_of(stream: &TcpStream, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let mut stream = stream.try_clone().expect("there are descriptors");
    thread::spawn(move || stream.write_all(&bytes).expect("the server takes it in the end"))
}

/// What Linux says of a process.
#[cfg(target_os = "linux")]
mod proc {
    use std::fs;
    use std::time::Duration;

    /// Memory of its own that it has in use, in bytes.
    pub(super) fn memory(process: u32) -> usize {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a kernel since 4.5");
        line.trim_end_matches("kB").trim().parse::<usize>().expect("a number") * 1024
    }

    /// Processor time that it has used, to the hundredth of a second.
    pub(super) fn processor_time(process: u32) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
        let (_, fields) = stat.rsplit_once(") ").expect("its name is in parentheses");
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    pub(super) fn descriptors(process: u32) -> Vec<u64> {
        let entries = fs::read_dir(format!("/proc/{process}/fd")).expect("the process is there");
        let names = entries.flatten().map(|entry| entry.file_name().into_string());
        names.map(|name| name.ok().and_then(|name| name.parse().ok()).expect("a number")).collect()
    }

    /// The one that the process gets next.
    pub(super) fn lowest_free_descriptor(process: u32) -> u64 {
        let taken = descriptors(process);
        (0..).find(|number| !taken.contains(number)).expect("there is always one")
    }

    /// Sees that a process comes to rest: that there is a while of which it uses less than a tenth.
    #[track_caller]
    pub(super) fn expect_idle(process: u32) {
        let watched = Duration::from_millis(300);
        let mut used = watched;
        for _ in 0..10 {
            let before = processor_time(process);
            std::thread::sleep(watched);
            used = processor_time(process) - before;
            if used < watched / 10 {
                return;
            }
        }
        panic!("it uses {used:?} of {watched:?}, with nothing to do");
    }
}
