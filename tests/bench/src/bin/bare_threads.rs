//! The limit of the shape: a blocking read and a blocking write in a thread of its own for each
//! client, and nothing else. Echo, and echo after 10 ms.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bench::wire::{self, BINARY, Frame, TEXT};

/// More than these frames need, less than the default: address space is not what is measured.
const STACK_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;

fn main() -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    let listener = TcpListener::from(socket);
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new()
            .name("client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(stream).ok())?;
    }
    Ok(())
}

/// Until the client goes, or breaks a rule.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = vec![0; READ_BYTES];
    let mut filled = 0;
    let request = loop {
        filled += read(&mut stream, &mut input, filled)?;
        if let Some(request) = wire::read_request(&input[..filled]) {
            break request;
        }
    };
    stream.write_all(request.answer.as_bytes())?;
    let is_slow = request.target == "/slow";
    input.copy_within(request.length..filled, 0);
    filled -= request.length;
    let mut output = Vec::new();
    loop {
        let used = answer(&mut input[..filled], &mut output, is_slow)?;
        stream.write_all(&output)?;
        output.clear();
        input.copy_within(used..filled, 0);
        filled -= used;
        if filled == input.len() {
            input.resize(filled * 2, 0);
        }
        filled += read(&mut stream, &mut input, filled)?;
    }
}

fn read(stream: &mut TcpStream, input: &mut [u8], filled: usize) -> io::Result<usize> {
    match stream.read(&mut input[filled..])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

/// Appends the answers to all whole frames; says how many bytes they took.
fn answer(input: &mut [u8], output: &mut Vec<u8>, is_slow: bool) -> io::Result<usize> {
    let mut at = 0;
    while let Some(frame) = Frame::read(input, at).map_err(io::Error::other)? {
        let payload = &mut input[frame.start..frame.end];
        wire::mask(payload, frame.mask.unwrap_or_default());
        match frame.opcode {
            TEXT | BINARY => {
                if is_slow {
                    thread::sleep(Duration::from_millis(10));
                }
                wire::append_plain(output, frame.opcode, payload);
            }
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        at = frame.end;
    }
    Ok(at)
}
