//! Hands over to the command line.

/// Requests make and drop many short texts; the system's allocator takes longer for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    smslite::cli::main()
}
