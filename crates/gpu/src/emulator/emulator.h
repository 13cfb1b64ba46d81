// Runs kernels on the host, to test their arithmetic, bounds and barriers; slow and exact.
//
// The threads of a block are fibres of one operating-system thread. A fibre runs until it waits at a barrier or
// ends; then the next one goes on. Blocks run one after the other. Shared memory is static memory. What a device
// leaves open is fixed here: threads and blocks in rising, in falling, or in a drawn order, the threads' drawn anew
// for every turn; a kernel whose result depends on it has a race. Threads that can never meet at their barrier end the launch with an error.
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define EMULATED 1
#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __maxnreg__(...)

struct uint3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

const unsigned MOST_THREADS = 1024, WARP = 32, STACK = 64 * 1024;

struct Fibre {
    jmp_buf at;
    ucontext_t start;
    bool begun, done;
};

// What the lanes of a warp show each other; two sets, so that one barrier per exchange is enough.
struct Warp {
    unsigned long long slots[2][WARP][4];
    unsigned arrived, generation;
};

static Fibre fibres[MOST_THREADS];
static Warp warps[MOST_THREADS / WARP];
static jmp_buf scheduler;
static unsigned current, threads, alive, arrived, generation, progress;
static void (*body)(const unsigned long long *);
static const unsigned long long *words;

// Gives the processor back; returns when it is this fibre's turn again.
__attribute__((noinline)) static void give_way() {
    if (!_setjmp(fibres[current].at)) _longjmp(scheduler, 1);
}

static void run_forever() {
    for (;;) {
        body(words);
        fibres[current].done = true;
        alive--;
        progress++;
        give_way();
    }
}

__attribute__((noinline)) static void resume(unsigned index) {
    Fibre &fibre = fibres[index];
    current = index;
    threadIdx.x = index;
    if (_setjmp(scheduler)) return;
    if (fibre.begun) _longjmp(fibre.at, 1);
    fibre.begun = true;
    getcontext(&fibre.start);
    fibre.start.uc_stack.ss_sp = malloc(STACK);
    fibre.start.uc_stack.ss_size = STACK;
    fibre.start.uc_link = nullptr;
    makecontext(&fibre.start, run_forever, 0);
    setcontext(&fibre.start);
}

static void block_barrier() {
    unsigned mine = generation;
    arrived++;
    progress++;
    while (generation == mine) {
        if (arrived == alive) {
            arrived = 0;
            generation++;
        } else {
            give_way();
        }
    }
}

// Shows up to four words to the warp; returns what its lanes showed.
static unsigned long long (*exchange(const void *value, size_t bytes))[4] {
    Warp &warp = warps[current / WARP];
    unsigned mine = warp.generation;
    memcpy(warp.slots[mine % 2][current % WARP], value, bytes);
    warp.arrived++;
    progress++;
    while (warp.generation == mine) {
        if (warp.arrived == WARP) {
            warp.arrived = 0;
            warp.generation++;
        } else {
            give_way();
        }
    }
    return warp.slots[mine % 2];
}

// In which order threads and blocks get their turns: 0 rising, 1 falling, else drawn with this seed.
struct Order {
    unsigned long long seed, state;
    unsigned threads[MOST_THREADS];

    unsigned long long draw() {  // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }
    void begin(unsigned count) {
        state = seed * 0x9E3779B97F4A7C15ull | 1;
        for (unsigned i = 0; i < count; i++) threads[i] = seed == 1 ? count - 1 - i : i;
    }
    // Before every turn of all threads.
    void shuffle(unsigned count) {
        if (seed < 2) return;
        for (unsigned i = count - 1; i > 0; i--) {
            unsigned other = (unsigned)(draw() % (i + 1)), kept = threads[i];
            threads[i] = threads[other];
            threads[other] = kept;
        }
    }
    // The block to visit; all are visited once, as the factor is a prime.
    unsigned long long block(unsigned long long visited, unsigned long long blocks) const {
        if (seed == 0) return visited;
        return seed == 1 ? blocks - 1 - visited : (visited * 2147483647ull + seed) % blocks;
    }
};

static Order order;

// All blocks of a launch. 0: done; 1: threads wait for each other for ever; 2: a geometry that is none.
static int run(const unsigned *grid, unsigned count, unsigned seed) {
    if (count == 0 || count % WARP || count > MOST_THREADS) return 2;
    threads = count;
    order.seed = seed;
    order.begin(threads);
    blockDim = {count, 1, 1};
    gridDim = {grid[0], grid[1], grid[2]};
    unsigned long long blocks = (unsigned long long)grid[0] * grid[1] * grid[2];
    for (unsigned long long visited = 0; visited < blocks; visited++) {
        unsigned long long block = order.block(visited, blocks);
        blockIdx = {(unsigned)(block % grid[0]), (unsigned)(block / grid[0] % grid[1]),
                    (unsigned)(block / grid[0] / grid[1])};
        alive = threads;
        arrived = 0;
        for (unsigned i = 0; i < threads; i++) fibres[i].done = false;
        for (unsigned i = 0; i < threads / WARP; i++) warps[i].arrived = 0;
        while (alive) {
            unsigned before = progress;
            order.shuffle(threads);
            for (unsigned i = 0; i < threads; i++) {
                unsigned index = order.threads[i];
                if (!fibres[index].done) resume(index);
            }
            if (progress == before) {
                // Their stacks are given up: they hold half-finished work.
                for (unsigned i = 0; i < threads; i++) fibres[i].begun = false;
                return 1;
            }
        }
    }
    return 0;
}

// An argument from its word.
template <typename T> static T argument(unsigned long long word) {
    T value;
    memcpy(&value, &word, sizeof value);
    return value;
}

template <unsigned... I> struct Indices {};
template <unsigned N, unsigned... I> struct Count : Count<N - 1, N - 1, I...> {};
template <unsigned... I> struct Count<0, I...> {
    typedef Indices<I...> Type;
};

template <typename... A, unsigned... I>
static void call(void (*kernel)(A...), const unsigned long long *w, Indices<I...>) {
    kernel(argument<A>(w[I])...);
}

template <typename... A> static void call(void (*kernel)(A...), const unsigned long long *w) {
    call(kernel, w, typename Count<sizeof...(A)>::Type());
}

template <typename... A> constexpr unsigned arity(void (*)(A...)) { return sizeof...(A); }

}  // namespace emulator

static inline void __syncthreads() { emulator::block_barrier(); }
static inline void __syncwarp(unsigned = 0xFFFFFFFFu) { emulator::exchange("", 1); }

template <typename T> static T __shfl_xor_sync(unsigned, T value, int distance) {
    T out;
    unsigned lane = emulator::current % emulator::WARP ^ (unsigned)distance;
    memcpy(&out, emulator::exchange(&value, sizeof value)[lane], sizeof out);
    return out;
}

template <typename T> static T __shfl_sync(unsigned, T value, int lane) {
    T out;
    memcpy(&out, emulator::exchange(&value, sizeof value)[lane % emulator::WARP], sizeof out);
    return out;
}

// The device's are exact to a few units in the last place.
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __fdividef(float a, float b) { return a / b; }

// Makes `emulate_NAME` of a kernel: grid, threads, arguments with their number, order.
#define EMULATE(name)                                                                                       \
    extern "C" __attribute__((visibility("default"))) int emulate_##name(const unsigned *grid, unsigned threads, const unsigned long long *words, \
                                  unsigned count, unsigned seed) {                                       \
        if (count != emulator::arity(name)) return 3;                                                       \
        emulator::body = [](const unsigned long long *w) { emulator::call(name, w); };                      \
        emulator::words = words;                                                                            \
        return emulator::run(grid, threads, seed);                                                       \
    }
