// Moves bytes between the application and the one person attached to it.
//
// Owns: the attachment (one at a time: a new one takes the place of the old), and its two bounded buffers.
// Process: xos-loader. Trusts: only root outside reaches the socket, yet every frame is checked.
// While nobody is attached, nothing is read: the application waits when the pty or pipe is full, nothing is
// lost.
#pragma once

#include <poll.h>

#include "common/job_stream.h"
#include "xosd/container/loader/streams.h"

namespace xos::loader {

class Relay {
  public:
    explicit Relay(Stdio& stdio) : stdio_(stdio) {}

    // Takes over fd, a non-blocking connection whose attach frame was read.
    void attach(int fd);
    void detach();
    bool attached() const { return fd_ >= 0; }

    static constexpr int kPollMax = 4;
    // Fills slots for poll(2) and returns how many are used.
    int prepare(pollfd* slots);
    // Moves what can be moved after poll(2). signalled: receives numbers of signal frames, 0 where there was
    // none.
    void move(const pollfd* slots, int count, int& signalled);
    // After the application's end: moves what the pipes still hold, then sends the last frame. Bounded in
    // time.
    void finish(FrameType type, const char* payload, size_t size);

  private:
    bool read_peer();
    bool consume_frame(int& signalled);
    bool flush_input();
    bool flush_peer();
    void read_output(int& fd, FrameType type);
    void queue(FrameType type, const void* payload, size_t size);
    void send_eof();

    Stdio& stdio_;
    int fd_ = -1;
    unsigned char in_[kFrameHeaderSize + kFrameMax];  // bytes from the person, not yet whole frames
    size_t in_size_ = 0;
    size_t input_at_ =
        0;  // payload bytes of a stdin frame at the front of in_ already given to the application
    unsigned char out_[2 * (kFrameHeaderSize + kFrameMax)];  // frames for the person
    size_t out_at_ = 0, out_size_ = 0;
};

}  // namespace xos::loader
