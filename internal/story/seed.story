# What an operator sees of a pair; node one has the higher priority.

start one
start two
within 8s one serves

# Its service is stopped, and started again.
stop one
within 1s two serves
start one
within 8s one serves

# Its web side falls silent while the process lives, and answers again.
break one
within 6s two serves
mend one
within 8s one serves

# Its process is killed: nobody is told, and the kernel takes the address.
kill one
within 6s two serves
start one
within 8s one serves

# The backup is cut off. Each is master on its side, until there is one side.
cut two
within 6s two holds
join two
within 6s one serves

# The backup stops and comes back, which nobody notices.
stop two
within 1s one serves
start two
within 1s one serves
