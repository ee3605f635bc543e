// Memory for an asynchronous operation that recurs for ever, so that waiting for the next message allocates nothing.
#pragma once

#include <cstddef>
#include <new>

namespace entitle {

// Room for one operation at a time; a second one, or a larger one, comes from the heap.
class OperationMemory {
  public:
    void* allocate(std::size_t bytes) {
        if (used_ || bytes > sizeof space_) return ::operator new(bytes);
        used_ = true;
        return space_;
    }
    void release(void* memory) noexcept {
        if (memory != space_) return ::operator delete(memory);
        used_ = false;
    }

  private:
    alignas(std::max_align_t) std::byte space_[256];
    bool used_ = false;
};

// The same as Asio asks for it: the associated allocator of a handler. The handler keeps the memory alive.
template <class T>
class OperationAllocator {
  public:
    using value_type = T;
    explicit OperationAllocator(OperationMemory& memory) noexcept : memory_(&memory) {}
    template <class U>
    OperationAllocator(const OperationAllocator<U>& other) noexcept : memory_(other.memory_) {}

    T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t) noexcept { memory_->release(memory); }
    template <class U>
    bool operator==(const OperationAllocator<U>& other) const noexcept {
        return memory_ == other.memory_;
    }

  private:
    template <class U>
    friend class OperationAllocator;
    OperationMemory* memory_;
};

}  // namespace entitle
