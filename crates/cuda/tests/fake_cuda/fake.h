// A CUDA that is the host: what the fake driver and the fake libraries share.
#include <functional>
#include <vector>

typedef unsigned long long u64;

// Work runs at once, or is kept when its stream is being captured. Guarded by the driver's lock where another thread
// may look at it.
struct Stream {
    bool capturing = false;
    bool broken = false;
    std::vector<std::function<int()>> captured;
};

// Runs or keeps work; answers its code, 0 for success.
extern "C" int fake_enqueue(Stream *stream, const std::function<int()> *work);
// Notes that a library's call was made, for the tests to count.
extern "C" void fake_count(const char *what);
// The status to answer in place of a call, 0 for none.
extern "C" int fake_failure(const char *call);
// The code with which the device was lost, 0 where it was not.
extern "C" int fake_lost();
// Waits for the whole device: breaks every capture that is under way, on whichever thread, and answers 900 then.
extern "C" int fake_wait_for_all();

static inline int enqueue(void *stream, const std::function<int()> &work) {
    return fake_enqueue((Stream *)stream, &work);
}
