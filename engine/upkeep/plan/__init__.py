"""``plan``: what a clone of a funnel would do, and what is in its way. Writes nothing.

- ``forecast``  the way through: the layout's plan, objects, pages
- ``original``  what is wrong before any page is read
- ``objects``   the object behind each image
- ``pages``     each page read as a step reads it
- ``forms``     what pages embed and mention
- ``staying``   what would stay the original's
- ``outside``   what leads out of the funnel
- ``limits``    documents against what MongoDB stores
- ``costs``     commands and requests to come
- ``problems``  each kind by name
- ``told``      the result
"""

from engine.upkeep.plan.forecast import Part, Watch, plan_clone
from engine.upkeep.plan.problems import Kind, Problem
from engine.upkeep.plan.told import ClonePlan

__all__ = ["ClonePlan", "Kind", "Part", "Problem", "Watch", "plan_clone"]
