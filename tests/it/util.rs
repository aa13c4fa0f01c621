//! The vocabulary of the tests: pairs of connected things, and a script of what was called.
#![allow(dead_code)] // not every platform's tests use every word

use selkie::net::TcpStream;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// Longer than anything takes that is to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Zero: look, and do not wait.
pub(crate) const NOW: Option<Duration> = Some(Duration::ZERO);

/// A connected pair: one end for the selector, and a blocking one for the test.
pub(crate) fn tcp_pair() -> io::Result<(TcpStream, std::net::TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nonblocking(true)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((TcpStream::from_std(near), far))
}

/// Reads until "would block" or the end of the stream, and answers how much there was.
pub(crate) fn drain(stream: &mut impl Read) -> io::Result<usize> {
    let mut total = 0;
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return Ok(total),
            Ok(n) => total += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) => return Err(error),
        }
    }
}

// ---- sources and state whose use is watched

use mio::{Interest as MioInterest, Registry, Token, event};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A connected pair of which the near end has one byte to read, for certain.
pub(crate) fn ready_pair() -> io::Result<(TcpStream, std::net::TcpStream)> {
    let (near, mut far) = tcp_pair()?;
    io::Write::write_all(&mut far, b"x")?;
    while near.peek(&mut [0]).is_err() {
        std::thread::yield_now();
    }
    Ok((near, far))
}

/// Does something when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Has a closure hold something that it has no other use for.
pub(crate) fn keep<T: ?Sized>(_held: &T) {}

/// What is asked of the system for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Register,
    Reregister,
    Deregister,
}

/// A source of our own making: a stream, and a say in every call that the selector makes for it.
///
/// A `register` is refused only after the stream itself was registered, as it happens to a source
/// that is made of two; the others are refused instead.
pub(crate) struct Own {
    pub(crate) stream: TcpStream,
    say: Box<dyn FnMut(Call) -> io::Result<()>>,
}

impl Own {
    pub(crate) fn new(stream: TcpStream, say: impl FnMut(Call) -> io::Result<()> + 'static) -> Self {
        Own { stream, say: Box::new(say) }
    }

    /// One that writes down its calls.
    pub(crate) fn counted(stream: TcpStream) -> (Self, Rc<RefCell<Vec<Call>>>) {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&calls);
        let own = Own::new(stream, move |call| {
            noted.borrow_mut().push(call);
            Ok(())
        });
        (own, calls)
    }

    /// One whose calls of one sort fail with the error of that number, for as long as it is set.
    pub(crate) fn refusing(stream: TcpStream, which: Call) -> (Self, Rc<Cell<Option<i32>>>) {
        let refusal = Rc::new(Cell::new(None::<i32>));
        let asked = Rc::clone(&refusal);
        let own = Own::new(stream, move |call| match asked.get() {
            Some(number) if call == which => Err(io::Error::from_raw_os_error(number)),
            _ => Ok(()),
        });
        (own, refusal)
    }
}

impl event::Source for Own {
    fn register(&mut self, registry: &Registry, token: Token, interests: MioInterest) -> io::Result<()> {
        self.stream.register(registry, token, interests)?;
        (self.say)(Call::Register)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: MioInterest) -> io::Result<()> {
        (self.say)(Call::Reregister)?;
        self.stream.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        (self.say)(Call::Deregister)?;
        self.stream.deregister(registry)
    }
}

impl Read for Own {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl io::Write for Own {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl selkie::Stream for Own {}

/// The number of an error that no system call makes here: `ENOSPC`, on every Unix. On Windows it
/// is some other error, and as good.
pub(crate) const REFUSED: i32 = 28;

/// What this thread logged since it asked last: each level and text. The first to ask has everything
/// logged from then on.
pub(crate) fn logged() -> Vec<(log::Level, String)> {
    thread_local! {
        static RECORDS: RefCell<Vec<(log::Level, String)>> = const { RefCell::new(Vec::new()) };
    }
    struct ByThread;
    impl log::Log for ByThread {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            if record.target().starts_with("selkie") {
                RECORDS.with_borrow_mut(|records| records.push((record.level(), record.args().to_string())));
            }
        }
        fn flush(&self) {}
    }
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&ByThread).expect("there is one logger in the tests, and it is this one");
        log::set_max_level(log::LevelFilter::Trace);
    });
    RECORDS.take()
}

// ---- readiness: waiting for it without the selector, and for none of it

/// The callback of a source that is not to be called.
pub(crate) fn uncalled<S>(_: &mut selkie::Source<S>, ready: selkie::Interest) {
    panic!("called, and told {ready:?}");
}

/// Sees to it that nobody is called: a turn of a while passes, is waited for and not spun through,
/// and comes back with nothing.
#[track_caller]
pub(crate) fn assert_quiet(sel: &selkie::Selector<'_>) {
    const WHILE: Duration = Duration::from_millis(40);
    let (began, used) = (std::time::Instant::now(), cpu_time());
    let called = sel.turn(Some(WHILE)).expect("the turn failed");
    assert_eq!(called, 0, "a source was called that has nothing to be told");
    assert!(began.elapsed() >= WHILE, "the turn came back after {:?}, before its time", began.elapsed());
    let used = cpu_time() - used;
    assert!(used < WHILE / 2, "the turn was spun through: it used {used:?} of CPU time");
}

/// Sees to it that `wait`, which nothing limits, comes to its end. If it does not, nothing can end it
/// but the end of the process.
pub(crate) fn in_time<T>(wait: impl FnOnce() -> T) -> T {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if is_done.recv_timeout(LONG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name}: a wait did not end in {LONG:?}");
            std::process::abort();
        }
    });
    let value = wait();
    drop(done);
    value
}

/// The CPU time that this thread has used; always zero where the system has no file to say so.
pub(crate) fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Waits, without any selector, until `fd` is in the state that `flags` name.
#[cfg(unix)]
#[track_caller]
pub(crate) fn await_state(fd: impl std::os::fd::AsFd, flags: rustix::event::PollFlags) {
    use rustix::event::{PollFd, Timespec, poll};
    let mut fds = [PollFd::new(&fd, flags)];
    let limit = Timespec { tv_sec: LONG.as_secs() as i64, tv_nsec: 0 };
    let found = poll(&mut fds, Some(&limit)).expect("poll failed");
    assert!(found == 1 && fds[0].revents().contains(flags), "{flags:?} never came, only {:?}", fds[0].revents());
}

/// Waits until there is something to read, so that the selector sees it at once.
#[track_caller]
pub(crate) fn await_data(#[cfg(unix)] source: impl std::os::fd::AsFd, #[cfg(not(unix))] _: impl Sized) {
    // Elsewhere there is no waiting without taking part. On loopback it is there when `write` returns.
    #[cfg(unix)]
    await_state(source, rustix::event::PollFlags::IN);
}

/// Waits until the end of the stream has arrived, behind whatever data there is.
#[track_caller]
pub(crate) fn await_fin(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    await_state(stream, rustix::event::PollFlags::RDHUP);
    // Elsewhere it can only be seen by reading. On loopback it is there when `shutdown` returns.
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Closes `peer` so that the other end is told of an error: a reset.
#[cfg(unix)]
pub(crate) fn reset(peer: std::net::TcpStream) {
    rustix::net::sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).expect("cannot set SO_LINGER");
}

/// Runs a test in a process of its own, for what is counted by the process or told to all of it:
/// descriptors, their limit, signals. `name` is the test's path.
pub(crate) fn alone(name: &str, test: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    alone_with(name, std::process::Stdio::null(), test)
}

/// As `alone`, with a standard input.
pub(crate) fn alone_with(
    name: &str,
    stdin: impl Into<std::process::Stdio>,
    test: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(output) = by_itself(name, stdin.into())? else { return test() };
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed in a process of its own:\n{said}\n{complaint}");
    assert!(said.contains("1 passed"), "{name} is not the name of a test:\n{said}");
    Ok(())
}

/// As `alone`, for a test that a signal is to end, of that number.
#[cfg(unix)]
pub(crate) fn alone_until_killed(name: &str, signal: i32, test: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let Some(output) = by_itself(name, std::process::Stdio::null())? else { return test() };
    let killed_by = std::os::unix::process::ExitStatusExt::signal(&output.status);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(killed_by, Some(signal), "{name} ended with {}: {complaint}", output.status);
    Ok(())
}

/// How a test ended in a process of its own; `None` in that process.
fn by_itself(name: &str, stdin: std::process::Stdio) -> io::Result<Option<std::process::Output>> {
    const MARK: &str = "SELKIE_TEST_IS_ALONE";
    if std::env::var_os(MARK).is_some() {
        return Ok(None);
    }
    let mut program = std::process::Command::new(std::env::current_exe()?);
    program.args(["--exact", name, "--nocapture"]).env(MARK, "yes").stdin(stdin).output().map(Some)
}

/// Opens files until the process may open no more; they close when they are dropped. For a test that
/// is [`alone`].
#[cfg(unix)]
pub(crate) fn use_up_descriptors() -> io::Result<Vec<std::fs::File>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // A small limit, so that it is soon reached.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum })?;
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    Ok(files)
}

/// How often the selector of this process was woken: mio adds it up in its eventfd.
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(mio_unsupported_force_waker_pipe)))]
pub(crate) fn wakes() -> usize {
    let infos = std::fs::read_dir("/proc/self/fdinfo").expect("this is Linux");
    let texts = infos.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let counts: Vec<usize> = texts
        .filter_map(|text| {
            let count = text.lines().find_map(|line| line.strip_prefix("eventfd-count:").map(str::trim))?;
            usize::from_str_radix(count, 16).ok()
        })
        .collect();
    assert_eq!(counts.len(), 1, "this process has one waker");
    counts[0]
}

/// A folder of its own for a test's files, which goes with it.
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("selkie-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
