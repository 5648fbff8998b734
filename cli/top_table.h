// What xos top shows, as lines of text, and what its keys do.
//
// Owns: columns, selection and scrolling. Pure. Process: the xos command. Trusts: nothing of a command line.
#pragma once

#include <string>
#include <vector>

#include "cli/top_sample.h"

namespace xos {

struct TopTable {
    std::string heading;
    std::vector<std::string> rows;
};

TopTable job_table(const TopSample& sample);
// The processes of a job as a tree.
TopTable process_table(const TopJob& job);
// "3 jobs, 41 processes, CPU 312.4 %".
std::string summary_text(const TopSample& sample);

enum class TopKey : uint8_t {
    none,
    up,
    down,
    page_up,
    page_down,
    first,
    last,
    open,
    back,
    quit,
    by_cpu,
    by_memory,
    by_processes,
    by_started,
    by_name,
    reverse,
};

// What is looked at.
class TopView {
  public:
    bool quits() const { return quits_; }
    bool shows_tree() const { return !opened_.empty(); }
    const std::string& opened() const { return opened_; }  // the job whose tree is shown
    TopOrder order() const { return order_; }
    bool reversed() const { return reversed_; }
    size_t selected() const { return selected_; }
    size_t offset() const { return offset_; }  // the first row that is shown

    // jobs: their names, in the order of the rows; height: rows that the screen has.
    void press(TopKey key, const std::vector<std::string>& jobs, size_t height);
    // After rows have come, gone or moved: the same job stays selected, and what is selected is shown.
    void settle(const std::vector<std::string>& jobs, size_t rows, size_t height);

  private:
    void sort_by(TopOrder order);
    void move(size_t to);

    std::string opened_, job_;  // job_: the selected one
    size_t selected_ = 0, offset_ = 0;
    TopOrder order_ = TopOrder::cpu;
    bool reversed_ = false, quits_ = false;
};

}  // namespace xos
